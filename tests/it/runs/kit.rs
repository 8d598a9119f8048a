//! A home with short ways to what the tests here do again and again.

use api::auth::LocalIssuer;
use integration_tests::{Home, TestApp, TestDatabase, app::created};
use kernel::{IdSource as _, SystemIds};
use operations::{ClaimedRun, Heartbeat, QueueSettings, RunQueue as _, WorkerName};
use serde_json::{Value, json};

use crate::wire::{Reply, Request, Wire};

pub(super) struct Kit {
    pub(super) app: TestApp,
    pub(super) home: Home,
    pub(super) wire: Wire,
}

impl Kit {
    /// The owner's home, with a member of each other role.
    pub(super) async fn new(database: TestDatabase) -> Self {
        let app = TestApp::start(database).await;
        let owner = app.client("owner");
        let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
        for role in ["manager", "operator", "readonly"] {
            let body = json!({ "issuer": LocalIssuer::ISSUER, "subject": role, "role": role });
            let added = owner.post(&format!("{}/members", home.base), &body).await;
            created(&added.expect("an answer"));
        }
        let wire = Wire::to(&app.base_url);
        Self { app, home, wire }
    }

    pub(super) fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.home.base)
    }

    pub(super) async fn get(&self, subject: &str, rest: &str) -> Reply {
        let request = Request::get(&self.path(rest)).bearer(&self.app.token(subject));
        self.wire.send(&request).await
    }

    pub(super) async fn post(&self, subject: &str, rest: &str, body: Option<&Value>) -> Reply {
        self.wire.send(&self.request(subject, rest, body)).await
    }

    pub(super) fn request(&self, subject: &str, rest: &str, body: Option<&Value>) -> Request {
        let request = Request::new("POST", &self.path(rest)).bearer(&self.app.token(subject));
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// The same request with a key.
    pub(super) async fn keyed(&self, key: &str, rest: &str, body: Option<&Value>) -> Reply {
        let request = self.request("owner", rest, body).with("idempotency-key", key);
        self.wire.send(&request).await
    }

    pub(super) fn start_body(&self, operation: &str) -> Value {
        json!({ "operation_type": operation, "environment_id": self.home.environment })
    }

    /// Starts an operation that is accepted, and tells its id.
    pub(super) async fn started(&self, operation: &str) -> String {
        let reply = self
            .post("owner", "/operation-runs", Some(&self.start_body(operation)))
            .await;
        assert_eq!(reply.json()["disposition"], "accepted", "{}", reply.text());
        text(&reply.json()["run"]["id"])
    }

    /// A run in the hands of a worker that does nothing.
    pub(super) async fn claimed(&self) -> ClaimedRun {
        let queue = self.app.program.database.queue();
        let worker = WorkerName::new("idle");
        let claimed = queue
            .claim(
                &worker,
                &QueueSettings::default(),
                operations::PerLane::from_fn(|_| 1),
            )
            .await;
        claimed.expect("claims").pop().expect("a run waits")
    }

    /// A sign of life of that worker.
    pub(super) async fn beat(&self, claimed: &ClaimedRun) -> Heartbeat {
        let lease = QueueSettings::default().lease;
        let queue = self.app.program.database.queue();
        queue
            .heartbeat(&claimed.lease, lease, None)
            .await
            .expect("answers")
    }

    pub(super) async fn count(&self, table: &str) -> i64 {
        self.app
            .database
            .number(&format!("SELECT count(*) FROM {table}"))
            .await
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

pub(super) fn slug() -> String {
    format!("s-{}", SystemIds.next_uuid().simple())
}

pub(super) fn named() -> Value {
    json!({ "display_name": "A name", "slug": slug() })
}
