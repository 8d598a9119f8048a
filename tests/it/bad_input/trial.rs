//! The bench on which hostile requests are tried: what every refusal must be like, whatever was
//! wrong.

use std::collections::{BTreeMap, BTreeSet};

use integration_tests::{TestApp, TestDatabase};
use serde_json::Value;

use crate::{
    access::{
        cases::{Case, Place},
        world::scheduled,
    },
    tables::{Contents, Tables},
    webhooks::kit,
    wire::{Reply, Request, Wire},
};

/// Stands in every hostile request, and in no answer.
pub(crate) const CANARY: &str = "zq7kanarienvogel";

pub(crate) struct Trial {
    pub(crate) app: TestApp,
    pub(crate) wire: Wire,
    /// What the caller owns, with a run that waits.
    pub(crate) ours: Place,
    /// Somebody else's.
    pub(crate) theirs: Place,
    token: String,
    tables: Tables,
    before: Contents,
    /// Status of each code of the catalogue.
    catalogue: BTreeMap<String, u64>,
    failures: Vec<String>,
    tried: usize,
}

impl Trial {
    pub(crate) async fn begin(database: TestDatabase) -> Self {
        let app = TestApp::start(database).await;
        let ours = furnish(&app, "owner").await;
        let theirs = furnish(&app, "neighbour").await;
        let wire = Wire::to(&app.base_url);
        let listing = wire.send(&Request::get("/api/v1/problems")).await.json();
        let items = listing["items"].as_array().expect("a list");
        let entry = |item: &Value| Some((item["code"].as_str()?.to_owned(), item["status"].as_u64()?));
        let catalogue: BTreeMap<_, _> = items.iter().filter_map(entry).collect();
        assert!(catalogue.len() > 20, "{listing}");
        let tables = Tables::of(&app.database).await;
        let before = tables.contents().await;
        let token = app.token("owner");
        Self {
            app,
            wire,
            ours,
            theirs,
            token,
            tables,
            before,
            catalogue,
            failures: Vec::new(),
            tried: 0,
        }
    }

    /// A request of the owner.
    pub(crate) fn request(&self, method: &str, target: &str) -> Request {
        Request::new(method, target).bearer(&self.token)
    }

    /// The owner's call of an operation, without a body.
    pub(crate) fn call(&self, case: &Case) -> Request {
        let request = self.request(case.method, &self.ours.fill(case.path));
        if case.matched {
            request.with("if-match", "*")
        } else {
            request
        }
    }

    /// Tries a request that must be refused in some way.
    pub(crate) async fn refused(&mut self, what: &str, request: &Request) -> Reply {
        let reply = self.wire.send(request).await;
        self.judge(what, request, &reply).await;
        reply
    }

    /// Tries a request that must be refused with this status and code.
    pub(crate) async fn refused_as(
        &mut self,
        what: &str,
        request: &Request,
        status: u16,
        code: &str,
    ) -> Reply {
        let reply = self.refused(what, request).await;
        if (reply.status, reply.code().as_str()) != (status, code) {
            self.fail(what, request, &format!("wants {status} {code}"), &reply);
        }
        reply
    }

    /// What holds for every refusal.
    async fn judge(&mut self, what: &str, request: &Request, reply: &Reply) {
        self.tried += 1;
        let body = reply.json();
        let id = reply.header("x-request-id").unwrap_or_default();
        let known = self.catalogue.get(&reply.code()) == Some(&u64::from(reply.status));
        let rules = [
            (!(400..500).contains(&reply.status), "is not refused"),
            (
                reply.header("content-type") != Some("application/problem+json"),
                "is no problem",
            ),
            (
                !known || body["status"] != reply.status,
                "has no code of the catalogue",
            ),
            (
                id.is_empty() || body["request_id"] != id,
                "does not name its request",
            ),
            (
                !body["errors"].is_array() || !body["retryable"].is_boolean(),
                "is not complete",
            ),
            (
                reply.text().to_lowercase().contains(CANARY),
                "repeats what was sent",
            ),
        ];
        let broken: Vec<_> = rules
            .into_iter()
            .filter_map(|(broken, rule)| broken.then_some(rule))
            .collect();
        if !broken.is_empty() {
            self.fail(what, request, &broken.join(", "), reply);
        }
        self.nothing_happened(what).await;
    }

    /// No row was written or changed, and the service is ready for the next request.
    pub(crate) async fn nothing_happened(&mut self, what: &str) {
        let after = self.tables.contents().await;
        if after != self.before {
            let changed = after
                .iter()
                .filter(|(table, rows)| self.before.get(*table) != Some(rows));
            let names: Vec<_> = changed.map(|(table, _)| table.as_str()).collect();
            self.failures
                .push(format!("{what}: changed {}", names.join(", ")));
            self.before = after;
        }
        let ready = self.wire.send(&Request::get("/readyz")).await;
        if ready.status != 200 {
            self.failures
                .push(format!("{what}: not ready any more: {}", ready.text()));
        }
    }

    pub(crate) fn fail(&mut self, what: &str, request: &Request, rule: &str, reply: &Reply) {
        let body = request
            .body
            .as_deref()
            .map(|body| String::from_utf8_lossy(&body[..body.len().min(300)]));
        let (method, target) = (&request.method, &request.target[..request.target.len().min(200)]);
        let text = String::from_utf8_lossy(&reply.body[..reply.body.len().min(400)]);
        self.failures.push(format!(
            "{what}: {rule}\n  {method} {target}\n  {body:?}\n  {} {text}",
            reply.status
        ));
    }

    /// The end: nothing was wrong with any of at least `least` requests.
    pub(crate) async fn end(self, least: usize) {
        let failures = self.failures;
        assert!(
            failures.is_empty(),
            "{} of {}:\n{}",
            failures.len(),
            self.tried,
            failures.join("\n\n")
        );
        assert!(self.tried >= least, "only {} requests were tried", self.tried);
        self.tables.close().await;
        self.app.stop().await;
    }
}

/// The codes of the places that a refusal points at.
pub(crate) fn errors(reply: &Reply) -> BTreeSet<(String, String)> {
    let body = reply.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = body["errors"].as_array().into_iter().flatten();
    errors
        .map(|error| (text(&error["pointer"]), text(&error["code"])))
        .collect()
}

async fn furnish(app: &TestApp, subject: &str) -> Place {
    let client = app.client(subject);
    let home = app.home(&client, &app.contoso, &app.contoso.secret).await;
    // One that is over, for the inbox.
    let over = home.start(&client, "provider.connection.check").await;
    let cancel = format!("{}/operation-runs/{}/cancel", home.base, over.text("/run/id"));
    let canceled = client.post(&cancel, &Value::Null).await.expect("an answer");
    assert_eq!(canceled.status, 200, "{}", canceled.body);
    let run = home
        .start(&client, "inventory.sync")
        .await
        .text("/run/id")
        .to_owned();
    let (webhook, delivery) = kit::seed(app, subject, &home.workspace).await;
    app.settle().await;
    let inbox = client
        .get(&format!("{}/notifications", home.base))
        .await
        .expect("an answer");
    let mut place = Place {
        webhook,
        delivery,
        workspace: home.workspace,
        environment: home.environment,
        connection: home.connection,
        run,
        notification: inbox.text("/items/0/id").to_owned(),
        ..Place::nowhere()
    };
    place.schedule = scheduled(app, subject, &place).await;
    place
}
