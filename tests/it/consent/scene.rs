//! Workspaces that want to be connected, and short ways through the pages.

use std::sync::Arc;

use cli::{Answer, Client};
use integration_tests::{Customer, Engine, TestApp, app::created};
use kernel::{IdSource as _, SystemIds};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::browser::{Browser, location, origin, parameter};
use crate::wire::Reply;

/// Every type of operation.
pub(super) const OPERATIONS: [&str; 3] = [
    "provider.connection.check",
    "inventory.sync",
    "compliance.snapshot",
];

/// A workspace with an environment, and one connection to look at.
pub(super) struct Scene<'a> {
    pub(super) app: &'a TestApp,
    pub(super) owner: Arc<Client>,
    pub(super) base: String,
    pub(super) workspace: String,
    pub(super) environment: String,
    pub(super) connection: String,
}

/// A visit that has reached the provider's page.
pub(super) struct Visit {
    pub(super) browser: Browser,
    /// The link that was handed out.
    pub(super) link: String,
    /// The provider's page.
    pub(super) page: String,
    pub(super) state: String,
}

impl<'a> Scene<'a> {
    /// A workspace of `subject` with a connection of the platform's client to `tenant`.
    pub(super) async fn platform(app: &'a TestApp, subject: &str, tenant: Uuid) -> Self {
        Self::with(app, subject, &platform(tenant)).await
    }

    /// The same with the connection of this body.
    pub(super) async fn with(app: &'a TestApp, subject: &str, body: &Value) -> Self {
        let owner = Arc::new(app.client(subject));
        let slug = format!("w-{}", SystemIds.next_uuid().simple());
        let body_of = json!({ "display_name": "Operators", "slug": slug });
        let workspace = created(
            &owner
                .post("/api/v1/workspaces", &body_of)
                .await
                .expect("an answer"),
        );
        let base = format!("/api/v1/workspaces/{workspace}");
        let body_of = json!({ "display_name": "An environment", "slug": "production" });
        let environment = owner.post(&format!("{base}/environments"), &body_of).await;
        let mut scene = Self {
            app,
            base,
            workspace,
            environment: created(&environment.expect("an answer")),
            connection: String::new(),
            owner,
        };
        scene.connection = scene.connect(body).await;
        scene
    }

    /// Another connection in the environment.
    pub(super) async fn connect(&self, body: &Value) -> String {
        let mut body = body.clone();
        body["environment_id"] = self.environment.as_str().into();
        created(&self.post("connections", &body).await)
    }

    /// The same workspace, looking at another connection.
    pub(super) fn at(&self, connection: String) -> Scene<'a> {
        Scene {
            app: self.app,
            owner: Arc::clone(&self.owner),
            base: self.base.clone(),
            workspace: self.workspace.clone(),
            environment: self.environment.clone(),
            connection,
        }
    }

    pub(super) async fn get(&self, below: &str) -> Answer {
        self.owner
            .get(&format!("{}/{below}", self.base))
            .await
            .expect("an answer")
    }

    pub(super) async fn post(&self, below: &str, body: &Value) -> Answer {
        let path = format!("{}/{below}", self.base);
        self.owner.post(&path, body).await.expect("an answer")
    }

    /// A request to the connection itself, with its present entity tag.
    pub(super) async fn change(&self, method: Method, below: &str, body: Option<&Value>) -> Answer {
        let tag = self.view().await.header("etag").expect("a tag").to_owned();
        let path = format!("{}/connections/{}{below}", self.base, self.connection);
        let headers = [("if-match", tag.as_str())];
        self.owner
            .send(method, &path, &headers, body)
            .await
            .expect("an answer")
    }

    pub(super) async fn view(&self) -> Answer {
        let view = self.get(&format!("connections/{}", self.connection)).await;
        assert_eq!(view.status, 200, "{}", view.body);
        view
    }

    /// Consent, verification, readiness and the next step, in one line.
    pub(super) async fn standing(&self) -> String {
        let view = self.view().await;
        let next = view.text("/summary/next_step/kind");
        [
            view.text("/axes/consent/state"),
            view.text("/axes/verification/state"),
            view.text("/summary/readiness"),
            if next.is_empty() { "-" } else { next },
        ]
        .join(" ")
    }

    pub(super) async fn start(&self, operation: &str) -> Answer {
        let body = json!({
            "operation_type": operation, "environment_id": self.environment, "connection_id": self.connection,
        });
        self.post("operation-runs", &body).await
    }

    /// None of these operations may begin for want of consent, and what is to be done is to ask.
    pub(super) async fn is_blocked(&self, operations: &[&str]) {
        for operation in operations {
            let blocked = self.start(operation).await;
            let said = (
                blocked.status,
                blocked.text("/code"),
                blocked.text("/reason_code"),
            );
            assert_eq!(
                said,
                (422, "operation_blocked", "provider_consent_missing"),
                "{operation}: {}",
                blocked.body
            );
            assert_eq!(blocked.text("/next_steps/0/kind"), "grant_consent", "{operation}");
            assert_eq!(blocked.text("/run/outcome"), "blocked", "{operation}");
        }
    }

    /// The one run of the connection that is not over.
    pub(super) async fn active_run(&self) -> Value {
        let runs = self.get("operation-runs?limit=200").await;
        let active: Vec<_> = runs.body["items"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|run| run["status"] != "completed" && run["connection_id"] == self.connection.as_str())
            .cloned()
            .collect();
        assert_eq!(active.len(), 1, "one run is active: {}", runs.body);
        active[0].clone()
    }

    pub(super) async fn run(&self, id: &str) -> Answer {
        self.get(&format!("operation-runs/{id}")).await
    }

    /// Asks for a link.
    pub(super) async fn ask(&self, body: &Value) -> Answer {
        self.post(&format!("connections/{}/consent-link", self.connection), body)
            .await
    }

    pub(super) async fn link(&self) -> String {
        let made = self.ask(&json!({})).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.text("/url").to_owned()
    }

    /// Goes on to the provider's page in a new browser.
    pub(super) async fn visit(&self) -> Visit {
        go_on(Browser::program(), self.link().await).await
    }

    /// The whole walk with an administrator who agrees, up to the check that waits.
    pub(super) async fn agree(&self) {
        let ended = self.visit().await.decide("approve").await;
        assert_eq!(
            (ended.status, &ended.json()["result"]),
            (200, &"recorded".into()),
            "{}",
            ended.text()
        );
    }

    /// The same with an answer that somebody typed.
    pub(super) async fn forge(&self) -> Reply {
        let tenant = self
            .view()
            .await
            .text("/target_scope/scope_identifier")
            .to_owned();
        self.visit().await.agreed(&tenant).await
    }

    /// A fresh platform connection with consent that a check proved.
    pub(super) async fn proven(app: &'a TestApp, subject: &str, tenant: Uuid) -> Self {
        let scene = Self::platform(app, subject, tenant).await;
        scene.agree().await;
        assert_eq!(app.drain().await, 1, "the callback queued the check");
        assert_eq!(scene.standing().await, "granted healthy ready -");
        scene
    }

    /// How many audit events of this action the connection has.
    pub(super) async fn audited(&self, action: &str) -> usize {
        let events = self.get("audit-events?limit=200").await;
        let events = events.body["items"].as_array().expect("a list").clone();
        let about = |event: &&Value| event["target"]["id"] == self.connection.as_str();
        events
            .iter()
            .filter(about)
            .filter(|event| event["action"] == action)
            .count()
    }
}

/// Sends the form of our page, as its button does.
pub(super) async fn go_on(mut browser: Browser, link: String) -> Visit {
    let led = browser.post(&link, "").await;
    assert_eq!(led.status, 303, "{}", led.text());
    let page = location(&led);
    let state = parameter(&page, "state");
    Visit {
        browser,
        link,
        page,
        state,
    }
}

impl Visit {
    pub(super) fn origin(&self) -> &str {
        origin(&self.link)
    }

    /// The address that the provider's page leads to after `decision`.
    pub(super) async fn decision(&mut self, decision: &str) -> String {
        let decided = self
            .browser
            .post(&self.page, &format!("decision={decision}"))
            .await;
        assert_eq!(decided.status, 302, "{}", decided.text());
        location(&decided)
    }

    /// Decides on the provider's page and goes where it leads.
    pub(super) async fn decide(mut self, decision: &str) -> Reply {
        let back = self.decision(decision).await;
        self.browser.get(&back).await
    }

    /// The callback with this query.
    pub(super) fn callback(&self, query: &str) -> String {
        format!("{}/consent/callback?{query}", self.origin())
    }

    /// What an agreement in `tenant` looks like.
    pub(super) fn agreement(&self, tenant: &str) -> String {
        self.callback(&format!(
            "admin_consent=True&tenant={tenant}&state={}",
            self.state
        ))
    }

    /// Comes back with that.
    pub(super) async fn agreed(&mut self, tenant: &str) -> Reply {
        let url = self.agreement(tenant);
        self.browser.get(&url).await
    }
}

/// The body of a connection of the platform's client.
pub(super) fn platform(tenant: Uuid) -> Value {
    json!({
        "provider": "microsoft", "connection_type": "platform",
        "display_name": "A connection", "scope_identifier": tenant,
    })
}

/// The body of a connection with a client of its own.
pub(super) fn dedicated(customer: &Customer) -> Value {
    json!({
        "provider": "microsoft", "connection_type": "dedicated",
        "display_name": "A connection", "scope_identifier": customer.tenant_id,
        "credential": {
            "kind": "client_secret", "client_identifier": customer.client_id, "secret": customer.secret,
        },
    })
}

/// As if so much time had passed since every agreement.
pub(super) async fn age_hints(app: &TestApp, seconds: u32) {
    let changed = app
        .database
        .tamper(&format!(
            "UPDATE provider_connections SET consent_hint_at = consent_hint_at - {seconds}000000 \
             WHERE consent_hint_at IS NOT NULL"
        ))
        .await;
    assert!(changed > 0, "there is a hint to age");
}

/// As if every pause were over.
pub(super) async fn end_pauses(app: &TestApp) {
    app.database
        .tamper("UPDATE operation_runs SET not_before = NULL")
        .await;
}

/// Requests for a token so far.
pub(super) fn token_requests(app: &TestApp) -> usize {
    let calls = app.simulator.as_ref().expect("runs").control().calls();
    calls
        .iter()
        .filter(|call| call.path.contains("/oauth2/v2.0/token"))
        .count()
}

/// A UUID as the engine writes it.
pub(super) fn uuid(app: &TestApp, id: &str) -> String {
    match app.database.engine {
        Engine::Sqlite => format!("x'{}'", id.replace('-', "")),
        Engine::Postgres => format!("'{id}'::uuid"),
    }
}

/// How many connections have a hint.
pub(super) async fn hints(app: &TestApp) -> i64 {
    app.database
        .number("SELECT count(*) FROM provider_connections WHERE consent_hint_at IS NOT NULL")
        .await
}
