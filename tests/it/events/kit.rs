//! What these tests work with: a workspace, events by the hundred, and short ways to ask.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use api::{ApiSettings, StreamSettings, auth::LocalIssuer};
use cli::Answer;
use integration_tests::{Beside, Engine, Home, TestApp, TestDatabase, app::created};
use serde_json::{Value, json};

use super::reader::Reader;

/// The product with a workspace of `owner`.
pub(super) struct Scene {
    pub(super) app: TestApp,
    pub(super) home: Home,
}

/// Numbers for an API that has no time to lose.
pub(super) fn quick(change: impl FnOnce(&mut StreamSettings)) -> ApiSettings {
    let mut streams = StreamSettings {
        recheck: Duration::from_millis(100),
        ..StreamSettings::default()
    };
    change(&mut streams);
    ApiSettings {
        wait_poll: Duration::from_millis(50),
        streams,
        ..ApiSettings::default()
    }
}

/// The statement by which `subject` is no member of anything any more.
pub(super) fn leaving(subject: &str) -> String {
    format!(
        "DELETE FROM members WHERE principal_id = (SELECT id FROM principals WHERE subject = '{subject}')"
    )
}

impl Scene {
    pub(super) async fn begin(database: TestDatabase) -> Self {
        let app = TestApp::start(database).await;
        let owner = app.client("owner");
        let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
        app.settle().await;
        Self { app, home }
    }

    pub(super) fn path(&self, below: &str) -> String {
        format!("{}{below}", self.home.base)
    }

    pub(super) async fn get(&self, subject: &str, below: &str) -> Answer {
        let client = self.app.client(subject);
        client.get(&self.path(below)).await.expect("an answer")
    }

    pub(super) async fn post(&self, subject: &str, below: &str, body: &Value) -> Answer {
        let client = self.app.client(subject);
        client.post(&self.path(below), body).await.expect("an answer")
    }

    /// Makes `subject` a member.
    pub(super) async fn member(&self, subject: &str, role: &str) {
        let body = json!({ "issuer": LocalIssuer::ISSUER, "subject": subject, "role": role });
        created(&self.post("owner", "/members", &body).await);
    }

    /// Another API with these numbers.
    pub(super) async fn beside(&self, settings: ApiSettings) -> Beside {
        self.app.beside(settings, Arc::new(AtomicUsize::new(0))).await
    }

    /// Opens a stream of `api` as `subject`.
    pub(super) async fn watch(&self, api: &str, subject: &str, below: &str, last: Option<&str>) -> Reader {
        Reader::with_token(api, &self.path(below), &self.app.token(subject), last).await
    }

    /// The number of the newest event.
    pub(super) async fn newest(&self) -> u64 {
        self.app.settle().await;
        let page = self.get("owner", "/events?limit=1").await;
        page.body["last_sequence"].as_u64().expect("a number")
    }

    /// Writes events as one change after the other would, without their changes. Their `data.n` counts from
    /// `first`.
    pub(super) async fn flood(&self, first: usize, count: usize, kind: &str, padding: usize) {
        let sql = self.flooding(first, count, kind, padding);
        assert_eq!(self.app.database.tamper(&sql).await, count as u64);
    }

    /// The statement that does it.
    pub(super) fn flooding(&self, first: usize, count: usize, kind: &str, padding: usize) -> String {
        let last = first + count - 1;
        let (id, workspace, payload) = match self.app.database.engine {
            Engine::Sqlite => (
                "randomblob(16)",
                format!("X'{}'", self.home.workspace.replace('-', "")),
                "{}",
            ),
            Engine::Postgres => (
                "gen_random_uuid()",
                format!("'{}'::uuid", self.home.workspace),
                "({})::jsonb",
            ),
        };
        let text = format!(
            "'{{\"outcome\":\"success\",\"metadata\":{{\"n\":' || i || ',\"padding\":\"{}\"}}}}'",
            "x".repeat(padding)
        );
        format!(
            "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})
            INSERT INTO outbox_events (workspace_id, id, kind, subject_kind, subject_id, payload, created_at)
            SELECT {workspace}, {id}, '{kind}', 'thing', 'thing-' || (i % 7), {}, 1700000000000000 + i FROM n ORDER BY i",
            payload.replace("{}", &text)
        )
    }

    pub(super) async fn stop(self) {
        self.app.stop().await;
    }
}

/// The `n` of an event of a flood.
pub(super) fn n(event: &Value) -> u64 {
    event["data"]["n"].as_u64().unwrap_or_default()
}
