//! A workspace with a connection to a simulated customer, and the short words in which the tests
//! of credentials and connections speak about it.

use cli::{Answer, Client};
use integration_tests::{Home, TestApp, TestDatabase};
use kernel::{Clock as _, SystemClock};
use microsoft_simulator::Control;
use reqwest::Method;
use serde_json::{Value, json};
use server::compose::ProviderSetup;

use crate::tables::{Contents, Tables};

/// The connection that most tests need, and who owns it.
pub(crate) struct Life {
    pub(crate) app: TestApp,
    pub(crate) owner: Client,
    pub(crate) home: Home,
}

impl Life {
    /// With a connection to Contoso by a secret that is accepted.
    pub(crate) async fn begin(database: TestDatabase) -> Self {
        Self::begin_with(database, |_| {}).await
    }

    pub(crate) async fn begin_with(database: TestDatabase, change: impl FnOnce(&mut ProviderSetup)) -> Self {
        let app = TestApp::start_with(database, change).await;
        let owner = app.client("owner");
        let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
        Self { app, owner, home }
    }

    pub(crate) fn control(&self) -> Control {
        self.app.simulator.as_ref().expect("runs").control().clone()
    }

    /// How many token requests the simulator saw.
    pub(crate) fn tokens(&self) -> usize {
        let calls = self.control().calls();
        calls.iter().filter(|call| call.path.contains("/token")).count()
    }

    /// Below the workspace.
    pub(crate) fn path(&self, tail: &str) -> String {
        format!("{}{tail}", self.home.base)
    }

    pub(crate) async fn get(&self, tail: &str) -> Answer {
        self.owner.get(&self.path(tail)).await.expect("an answer")
    }

    pub(crate) async fn post(&self, tail: &str, body: &Value) -> Answer {
        self.owner.post(&self.path(tail), body).await.expect("an answer")
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        tail: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        self.owner
            .send(method, &self.path(tail), headers, body)
            .await
            .expect("an answer")
    }

    /// The connection.
    pub(crate) async fn view(&self) -> Answer {
        self.view_of(&self.home.connection).await
    }

    pub(crate) async fn view_of(&self, connection: &str) -> Answer {
        let answer = self.get(&format!("/connections/{connection}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    /// A change of the connection below its address, with the entity tag that it has now.
    pub(crate) async fn change(&self, method: Method, tail: &str, body: Option<&Value>) -> Answer {
        self.change_of(&self.home.connection, method, tail, body).await
    }

    pub(crate) async fn change_of(
        &self,
        connection: &str,
        method: Method,
        tail: &str,
        body: Option<&Value>,
    ) -> Answer {
        let view = self.view_of(connection).await;
        let tag = view.header("etag").expect("an entity tag").to_owned();
        let path = format!("/connections/{connection}{tail}");
        self.send(method, &path, &[("if-match", &tag)], body).await
    }

    /// The same, and it works.
    pub(crate) async fn changed(&self, method: Method, tail: &str, body: Option<&Value>) -> Value {
        let answer = self.change(method, tail, body).await;
        assert_eq!(answer.status, 200, "{tail}: {}", answer.body);
        answer.body
    }

    /// Starts an operation on a connection.
    pub(crate) async fn start_on(&self, connection: &str, operation: &str, inputs: Value) -> Answer {
        let body = json!({
            "operation_type": operation,
            "environment_id": self.home.environment,
            "connection_id": connection,
            "inputs": inputs,
        });
        self.post("/operation-runs", &body).await
    }

    /// Starts an operation on the connection, works, and tells what became of it.
    pub(crate) async fn run(&self, operation: &str) -> Value {
        self.run_on(&self.home.connection, operation, json!({})).await
    }

    pub(crate) async fn run_on(&self, connection: &str, operation: &str, inputs: Value) -> Value {
        let started = self.start_on(connection, operation, inputs).await;
        assert_eq!(
            (started.status, started.text("/disposition")),
            (202, "accepted"),
            "{}",
            started.body
        );
        assert_eq!(self.app.drain().await, 1, "one run waited");
        self.ended(started.text("/run/id")).await
    }

    /// A run that is over.
    pub(crate) async fn ended(&self, id: &str) -> Value {
        let run = self.home.run(&self.owner, id).await.body;
        assert_eq!(run["status"], "completed", "{run}");
        run
    }

    /// A check with the next credential.
    pub(crate) async fn trial(&self) -> Value {
        let inputs = json!({ "credential": "next" });
        self.run_on(&self.home.connection, "provider.connection.check", inputs)
            .await
    }

    /// Another connection of the environment.
    pub(crate) async fn connect(&self, body: Value) -> Answer {
        let mut whole = json!({
            "environment_id": self.home.environment,
            "provider": "microsoft",
            "connection_type": "dedicated",
            "display_name": "Another connection",
        });
        for (key, value) in body.as_object().expect("an object") {
            whole[key] = value.clone();
        }
        self.post("/connections", &whole).await
    }

    /// A secret of the client that Contoso let in.
    pub(crate) fn secret(&self, secret: &str) -> Value {
        json!({ "kind": "client_secret", "client_identifier": self.app.contoso.client_id, "secret": secret })
    }

    /// The audit events of one action, newest first.
    pub(crate) async fn events(&self, action: &str) -> Vec<Value> {
        let events = self.get("/audit-events?limit=200").await;
        let events = events.body["items"].as_array().expect("a page").clone();
        events
            .into_iter()
            .filter(|event| event["action"] == action)
            .collect()
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.app.database.number(sql).await
    }

    /// Changes rows around the product. There are some to change.
    pub(crate) async fn tamper(&self, sql: &str) -> u64 {
        let changed = self.app.database.tamper(sql).await;
        assert!(changed > 0, "{sql}");
        changed
    }

    /// The literal under which an id stands in SQL of this engine.
    pub(crate) fn uuid(&self, id: &str) -> String {
        match self.app.database.engine {
            integration_tests::Engine::Sqlite => format!("x'{}'", id.replace('-', "")),
            integration_tests::Engine::Postgres => format!("'{id}'"),
        }
    }

    pub(crate) async fn end(self) {
        self.app.stop().await;
    }
}

/// An assertion about two values of a JSON document.
pub(crate) fn assert_outcome(run: &Value, outcome: &str, reason: Option<&str>) {
    assert_eq!(
        (run["outcome"].as_str(), run["reason_code"].as_str()),
        (Some(outcome), reason),
        "{run}"
    );
}

/// Microseconds, as columns hold times, so many hours from now.
pub(crate) fn in_hours(hours: i64) -> i64 {
    SystemClock.now().timestamp_micros() + hours * 3_600_000_000
}

/// Check Z of the reliability reference: what is refused leaves nothing behind, says nothing that
/// was sent, and calls nobody.
pub(crate) struct Untouched {
    tables: Tables,
    before: Contents,
    calls: usize,
}

impl Untouched {
    pub(crate) async fn since(life: &Life) -> Self {
        // The first request of a caller writes who he is.
        life.get("/connections").await;
        let tables = Tables::of(&life.app.database).await;
        let before = tables.contents().await;
        let calls = life.control().calls().len();
        Self {
            tables,
            before,
            calls,
        }
    }

    /// The answer is the problem `(status, code)` with the error `field`, and repeats no `needle`.
    pub(crate) fn answered(
        answer: &Answer,
        (status, code): (u16, &str),
        field: (&str, &str),
        needles: &[&str],
    ) {
        let said = answer.body.to_string();
        assert_eq!((answer.status, answer.text("/code")), (status, code), "{said}");
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{said}");
        for member in ["type", "title", "instance", "detail", "request_id"] {
            assert!(!answer.text(&format!("/{member}")).is_empty(), "{member}: {said}");
        }
        assert_eq!(answer.body["status"], status, "{said}");
        assert_eq!(
            (answer.text("/errors/0/pointer"), answer.text("/errors/0/code")),
            field,
            "{said}"
        );
        for needle in needles {
            let quoted = Value::from(*needle).to_string();
            let escaped = quoted.trim_matches('"');
            assert!(
                !said.contains(needle) && !said.contains(escaped),
                "{needle:?} is repeated: {said}"
            );
        }
    }

    pub(crate) async fn ends(self, life: &Life) {
        let after = self.tables.contents().await;
        for (table, rows) in &self.before {
            assert_eq!(Some(rows), after.get(table), "{table} is as it was");
        }
        assert_eq!(
            life.control().calls().len(),
            self.calls,
            "nobody called the provider"
        );
        let ready = life.app.anonymous().get("/readyz").await.expect("an answer");
        assert_eq!(ready.status, 200, "{}", ready.body);
        self.tables.close().await;
    }
}
