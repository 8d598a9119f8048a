//! Every operation of the API on the real adapter, with what goes right and what the provider
//! refuses in its own words.

use integration_tests::{Customer, TestApp, TestDatabase, app::connection_body};
use microsoft_simulator::{Fault, FaultKind};
use serde_json::{Value, json};
use url::Url;

use super::scan::{self, Evidence};
use crate::{
    access::cases::Place,
    reads,
    wire::{Reply, Request, Wire},
};

const CONNECTIONS: &str = "/api/v1/workspaces/{workspace_id}/connections";
const CONNECTION: &str = "/api/v1/workspaces/{workspace_id}/connections/{connection_id}";
const RUNS: &str = "/api/v1/workspaces/{workspace_id}/operation-runs";

/// What was asked, and everything that was answered.
pub(super) struct Journey {
    pub(super) app: TestApp,
    wire: Wire,
    token: String,
    answers: Vec<Evidence>,
}

impl Journey {
    pub(super) async fn make(database: TestDatabase) -> Self {
        let app = TestApp::start(database).await;
        let mut journey = Self {
            wire: Wire::to(&app.base_url),
            token: app.token("owner"),
            app,
            answers: Vec::new(),
        };
        let place = journey.own_client().await;
        journey.rotate(&place).await;
        journey.refusals(&place).await;
        journey.installation_s_client(&place).await;
        journey.nonsense(&place).await;
        let place = reads::complete(place, async |request| journey.ask(request).await).await;
        for target in reads::targets(&place) {
            let reply = journey.ask(Request::get(&target)).await;
            assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        }
        journey.another_identity_and_the_end(&place).await;
        journey
    }

    /// The answers, and what is stored.
    pub(super) async fn evidence(&self) -> Vec<Evidence> {
        let mut all = scan::stored(&self.app.database).await;
        all.extend(self.answers.iter().cloned());
        all
    }

    async fn ask(&mut self, request: Request) -> Reply {
        let request = request.bearer(&self.token);
        self.walk(request).await
    }

    /// A request of nobody.
    async fn walk(&mut self, request: Request) -> Reply {
        let reply = self.wire.send(&request).await;
        let name = format!("{} {}", request.method, request.target);
        self.answers.push(Evidence::answer(&name, &reply));
        reply
    }

    async fn send(&mut self, method: &str, target: &str, body: &Value) -> Reply {
        let request = Request::new(method, target).with("if-match", "*");
        let request = if body.is_null() {
            request
        } else {
            request.json(body)
        };
        self.ask(request).await
    }

    async fn done(&mut self, method: &str, target: &str, body: &Value) -> Value {
        let reply = self.send(method, target, body).await;
        assert!(
            (200..300).contains(&reply.status),
            "{method} {target}: {}",
            reply.text()
        );
        reply.json()
    }

    /// Runs an operation to its end.
    async fn perform(&mut self, place: &Place, operation: &str, inputs: Value) -> Value {
        let body = json!({
            "operation_type": operation, "environment_id": place.environment,
            "connection_id": place.connection, "inputs": inputs,
        });
        let preflight = format!("{}/preflight", place.fill(RUNS));
        self.done("POST", &preflight, &body).await;
        let started = self.send("POST", &place.fill(RUNS), &body).await;
        self.app.drain().await;
        match started.header("location").map(str::to_owned) {
            Some(location) => self.ask(Request::get(&location)).await.json(),
            None => started.json(),
        }
    }

    /// A connection with a client of its own, and the main job on it.
    async fn own_client(&mut self) -> Place {
        let body = json!({ "display_name": "A workspace", "slug": "neutral" });
        let workspace = self.created("/api/v1/workspaces", &body).await;
        let base = format!("/api/v1/workspaces/{workspace}");
        let body = json!({ "display_name": "An environment", "slug": "production" });
        let environment = self.created(&format!("{base}/environments"), &body).await;
        let secret = self.app.contoso.secret.clone();
        let body = connection_body(&environment, &self.app.contoso, &secret);
        let connection = self.created(&format!("{base}/connections"), &body).await;
        let mut place = Place {
            workspace,
            environment,
            connection,
            ..Place::nowhere()
        };
        let member = json!({ "issuer": "https://login.example.com", "subject": "one", "role": "operator" });
        self.done("POST", &format!("{base}/members"), &member).await;
        for operation in [
            "provider.connection.check",
            "inventory.sync",
            "compliance.snapshot",
        ] {
            let run = self.perform(&place, operation, json!({})).await;
            assert_eq!(run["outcome"], "succeeded", "{run}");
            run["id"].as_str().expect("an id").clone_into(&mut place.run);
        }
        let list = format!("{base}/compliance-snapshots");
        let snapshots = self.ask(Request::get(&list)).await.json();
        let snapshot = snapshots["items"][0]["id"].as_str().expect("an id");
        snapshot.clone_into(&mut place.snapshot);
        place
    }

    async fn created(&mut self, target: &str, body: &Value) -> String {
        let made = self.done("POST", target, body).await;
        made["id"].as_str().expect("an id").to_owned()
    }

    /// Names, switches, and credentials in stages.
    async fn rotate(&mut self, place: &Place) {
        let at = |below: &str| place.fill(&format!("{CONNECTION}{below}"));
        let named = json!({ "display_name": "The first", "tags": { "tier": "gold" } });
        self.done("PATCH", &at(""), &named).await;
        for below in ["/make-default", "/disable"] {
            self.done("POST", &at(below), &Value::Null).await;
        }
        let blocked = self.perform(place, "inventory.sync", json!({})).await;
        assert_eq!(blocked["code"], "operation_blocked", "{blocked}");
        self.done("POST", &at("/enable"), &Value::Null).await;
        let next = |secret: &str| json!({ "kind": "client_secret", "secret": secret });
        let trial = json!({ "credential": "next" });
        self.done("PUT", &at("/credential/next"), &next("not-the-secret"))
            .await;
        let tried = self
            .perform(place, "provider.connection.check", trial.clone())
            .await;
        assert_eq!(tried["outcome"], "failed", "{tried}");
        let refused = self.send("POST", &at("/credential/promote"), &Value::Null).await;
        assert_eq!(refused.code(), "credential_not_verified");
        self.done("DELETE", &at("/credential/next"), &Value::Null).await;
        let (tenant, client) = (self.app.contoso.tenant_id, self.app.contoso.client_id);
        let control = self.app.simulator.as_ref().expect("runs").control();
        assert!(control.add_app_secret(tenant, client, "another-good-one"));
        self.done("PUT", &at("/credential/next"), &next("another-good-one"))
            .await;
        self.perform(place, "provider.connection.check", trial).await;
        self.done("POST", &at("/credential/promote"), &Value::Null).await;
        self.done("POST", &at("/credential/rollback"), &Value::Null).await;
    }

    /// What the provider refuses, and how it says so.
    async fn refusals(&mut self, place: &Place) {
        let words = json!({ "error": {
            "code": "Authorization_RequestDenied",
            "message": "AADSTS65001: Microsoft Graph says no in tenant_id x",
        } });
        for path in ["/users", "/deviceManagement", "/organization", "/policies"] {
            self.fault(
                path,
                FaultKind::Status {
                    status: 403,
                    body: words.to_string(),
                },
            );
        }
        for operation in [
            "inventory.sync",
            "compliance.snapshot",
            "provider.connection.check",
        ] {
            self.perform(place, operation, json!({})).await;
        }
        let control = self.app.simulator.as_ref().expect("runs").control();
        control.clear_faults();
        self.fault("/deviceManagement", FaultKind::Html);
        self.perform(place, "compliance.snapshot", json!({})).await;
        let control = self.app.simulator.as_ref().expect("runs").control();
        control.clear_faults();
        let (tenant, client) = (self.app.contoso.tenant_id, self.app.contoso.client_id);
        control.set_client_secret(tenant, client, "another one");
        control.expire_tokens();
        for operation in ["inventory.sync", "provider.connection.check"] {
            let run = self.perform(place, operation, json!({})).await;
            assert_eq!(run["reason_code"], "provider_credential_invalid", "{run}");
        }
    }

    fn fault(&self, path: &str, kind: FaultKind) {
        let control = self.app.simulator.as_ref().expect("runs").control();
        control.inject(Fault {
            path_contains: path.to_owned(),
            times: 20,
            kind,
        });
    }

    /// A connection of the installation's client: consent declined, misdirected, and given.
    async fn installation_s_client(&mut self, place: &Place) {
        let (tenant, client) = (self.app.fabrikam.tenant_id, self.app.platform.client_id);
        let body = json!({
            "environment_id": place.environment, "provider": "microsoft", "connection_type": "platform",
            "display_name": "The second", "scope_identifier": tenant,
        });
        let connection = self.created(&place.fill(CONNECTIONS), &body).await;
        let place = Place {
            connection,
            ..place.clone()
        };
        let blocked = self.perform(&place, "inventory.sync", json!({})).await;
        assert_eq!(blocked["reason_code"], "provider_consent_missing", "{blocked}");
        let declined =
            "error=access_denied&error_description=AADSTS65004%3A+Microsoft+Graph&admin_consent=True";
        for (answer, code) in [
            (declined.to_owned(), ""),
            (
                "admin_consent=True&tenant=7d0a3f6e-3d5c-4f0e-9a55-0c1f5a7f1a11".to_owned(),
                "consent_target_mismatch",
            ),
            (format!("admin_consent=True&tenant={tenant}"), ""),
        ] {
            let back = self.visit(&place, &answer).await;
            assert_eq!(back.code(), code, "{}", back.text());
        }
        let control = self.app.simulator.as_ref().expect("runs").control();
        assert!(control.consent(tenant, client), "the platform is registered");
        self.app.drain().await;
        for operation in ["provider.connection.check", "inventory.sync"] {
            let run = self.perform(&place, operation, json!({})).await;
            assert_eq!(run["outcome"], "succeeded", "{run}");
        }
        for below in ["", "/identity-resolution", "/surface-summary", "/history"] {
            let target = place.fill(&format!("{CONNECTION}{below}"));
            self.ask(Request::get(&target)).await;
        }
    }

    /// From a link to the callback, as a person and as a program.
    async fn visit(&mut self, place: &Place, answer: &str) -> Reply {
        let target = place.fill(&format!("{CONNECTION}/consent-link"));
        let link = self.done("POST", &target, &json!({})).await;
        let url = Url::parse(link["url"].as_str().expect("an address")).expect("an address");
        for accept in ["text/html", "application/json"] {
            let page = self.walk(Request::get(url.path()).with("accept", accept)).await;
            assert_eq!(page.status, 200, "{}", page.text());
        }
        let left = self.walk(Request::new("POST", url.path())).await;
        assert_eq!(left.status, 303, "{}", left.text());
        let next = Url::parse(left.header("location").expect("an address")).expect("an address");
        let state = next
            .query_pairs()
            .find(|(name, _)| name == "state")
            .expect("a state")
            .1;
        let cookie = left.header("set-cookie").expect("a cookie");
        let cookie = cookie.split(';').next().expect("a pair").to_owned();
        let target = format!("/consent/callback?{answer}&state={state}");
        self.walk(
            Request::get(&target)
                .with("cookie", &cookie)
                .with("accept", "application/json"),
        )
        .await
    }

    /// What callers get wrong, with the provider's own words in it.
    async fn nonsense(&mut self, place: &Place) {
        let customer = Customer::new();
        let good = connection_body(&place.environment, &customer, &customer.secret);
        for (pointer, value) in [
            ("/scope_identifier", json!("contoso.onmicrosoft.com")),
            ("/provider_context", json!({ "tenant_id": "x" })),
            ("/provider_context", json!({ "cloud": "microsoft" })),
            ("/provider", json!("microsoft-graph")),
            ("/credential/kind", json!("graph")),
            ("/entra", json!(1)),
        ] {
            let mut body = good.clone();
            body["provider_context"] = json!({});
            body[pointer.split('/').nth(1).expect("a name")] = match pointer {
                "/credential/kind" => json!({ "kind": value, "client_identifier": customer.client_id }),
                _ => value,
            };
            let reply = self.send("POST", &place.fill(CONNECTIONS), &body).await;
            assert_eq!(reply.status, 422, "{pointer}: {}", reply.text());
        }
        let preview = json!({
            "provider": "microsoft", "scope_identifier": customer.tenant_id, "connection_type": "platform",
        });
        self.done(
            "POST",
            &place.fill(&format!("{CONNECTIONS}/target-scope-preview")),
            &preview,
        )
        .await;
        for target in [
            "/api/v1/nothing",
            "/consent/nothing",
            "/consent/callback?admin_consent=True",
        ] {
            let reply = self.walk(Request::get(target)).await;
            assert!((400..500).contains(&reply.status), "{}", reply.text());
        }
    }

    /// A target that the provider does not know, and then the end.
    async fn another_identity_and_the_end(&mut self, place: &Place) {
        let at = |below: &str| place.fill(&format!("{CONNECTION}{below}"));
        let customer = Customer::new();
        let identity = json!({
            "connection_type": "dedicated", "scope_identifier": customer.tenant_id,
            "credential": {
                "kind": "client_secret", "client_identifier": customer.client_id, "secret": customer.secret,
            },
        });
        self.done("PUT", &at("/identity"), &identity).await;
        let run = self.perform(place, "provider.connection.check", json!({})).await;
        assert_eq!(run["outcome"], "failed", "nobody has heard of it: {run}");
        self.done("DELETE", &at("/credential"), &Value::Null).await;
        let kept = self.send("DELETE", &at(""), &Value::Null).await;
        assert_eq!(kept.code(), "default_connection_required", "{}", kept.text());
        let list = self.ask(Request::get(&place.fill(CONNECTIONS))).await.json();
        let other = list["items"][1]["id"].as_str().expect("an id").to_owned();
        let other = Place {
            connection: other,
            ..place.clone()
        };
        self.done(
            "POST",
            &other.fill(&format!("{CONNECTION}/make-default")),
            &Value::Null,
        )
        .await;
        self.done("DELETE", &at(""), &Value::Null).await;
        for target in [
            "operation-runs",
            "audit-events?limit=200",
            "connections",
            "expiry-calendar",
        ] {
            let target = place.fill(&format!("/api/v1/workspaces/{{workspace_id}}/{target}"));
            self.ask(Request::get(&target)).await;
        }
    }
}
