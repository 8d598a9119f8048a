//! A database in which much happened and more is happening, all of it by the product itself.

use std::time::Duration;

use cli::Client;
use integration_tests::{
    Engine, Home, TestApp, TestDatabase,
    app::{connection_body, created},
};
use kernel::{Clock as _, SystemClock};
use operations::{ClaimedRun, Fence, PerLane, QueueSettings, RunQueue as _, WorkerName};
use provider_core::ResumePoint;
use serde_json::{Value, json};
use storage::Storage as _;

/// The product, and the runs that damage is done to.
pub(super) struct Busy {
    pub(super) app: TestApp,
    /// An inventory that ended.
    synced: String,
    /// A snapshot that ended, on the same scope.
    measured: String,
    /// A run at its second attempt, with a resume point.
    working: String,
    /// A run that waits, in the same workspace on another scope.
    queued: String,
    /// A run that waits, alone in its workspace.
    waiting: String,
}

impl Busy {
    pub(super) async fn begin(database: TestDatabase) -> Self {
        let app = TestApp::start(database).await;
        let owner = app.client("owner");
        let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
        let synced = started(&home, &owner, "inventory.sync").await;
        app.drain().await;
        let measured = started(&home, &owner, "compliance.snapshot").await;
        app.drain().await;
        let canceled = started(&home, &owner, "inventory.sync").await;
        let cancel = format!("{}/operation-runs/{canceled}/cancel", home.base);
        assert_eq!(
            owner.post(&cancel, &Value::Null).await.expect("an answer").status,
            200
        );
        let working = started(&home, &owner, "inventory.sync").await;
        work_twice(&app).await;
        let queued = beside(&app, &home, &owner).await;
        let next_door = app.home(&owner, &app.fabrikam, &app.fabrikam.secret).await;
        let waiting = started(&next_door, &owner, "inventory.sync").await;
        // The process numbers events whenever it looks: what damage meets must not depend on that.
        app.settle().await;
        Self {
            app,
            synced,
            measured,
            working,
            queued,
            waiting,
        }
    }

    /// Runs statements around the product, all on one connection. Names of runs in braces become their ids. `database` is
    /// that of the product or a copy.
    pub(super) async fn damage(&self, database: &TestDatabase, sql: &str) {
        let now = SystemClock.now().timestamp_micros();
        let mut sql = sql.replace("{now}", &now.to_string());
        for (name, id) in [
            ("synced", &self.synced),
            ("measured", &self.measured),
            ("working", &self.working),
            ("queued", &self.queued),
            ("waiting", &self.waiting),
        ] {
            let literal = match database.engine {
                Engine::Sqlite => format!("x'{}'", id.replace('-', "")),
                Engine::Postgres => format!("'{id}'::uuid"),
            };
            sql = sql.replace(&format!("'{{{name}}}'"), &format!("'{id}'"));
            sql = sql.replace(&format!("{{{name}}}"), &literal);
        }
        database.tamper(&sql).await;
    }

    pub(super) async fn end(self) {
        self.app.stop().await;
    }
}

async fn started(home: &Home, client: &Client, operation: &str) -> String {
    let answer = home.start(client, operation).await;
    assert_eq!(answer.text("/disposition"), "accepted", "{}", answer.body);
    answer.text("/run/id").to_owned()
}

/// A worker takes the one run that waits and falls silent; after the sweep another one takes it.
async fn work_twice(app: &TestApp) {
    take(app).await;
    assert_eq!(
        app.database
            .tamper("UPDATE operation_runs SET lease_until = 1 WHERE status = 'running'")
            .await,
        1
    );
    let swept = app.worker.sweep().await.expect("sweeps");
    assert_eq!(swept.requeued, 1);
    let claimed = take(app).await;
    let point = ResumePoint {
        written_at: SystemClock.now(),
        text: "page 2".to_owned(),
    };
    let mut unit = app.program.database.begin().await.expect("begins");
    let fence = unit
        .attempts()
        .save_point(&claimed.lease, &point)
        .await
        .expect("saves");
    assert_eq!(fence, Fence::Held);
    unit.commit().await.expect("commits");
}

async fn take(app: &TestApp) -> ClaimedRun {
    let settings = QueueSettings {
        lease: Duration::from_mins(5),
        ..QueueSettings::default()
    };
    let claimed = app
        .program
        .database
        .queue()
        .claim(&WorkerName::new("busy"), &settings, PerLane::all(1))
        .await;
    claimed.expect("claims").pop().expect("one waits")
}

/// A second connection of the environment with a run that waits, and an environment without any, in which
/// a start is refused and recorded.
async fn beside(app: &TestApp, home: &Home, owner: &Client) -> String {
    let body = connection_body(&home.environment, &app.fabrikam, &app.fabrikam.secret);
    let connection = created(
        &owner
            .post(&format!("{}/connections", home.base), &body)
            .await
            .expect("an answer"),
    );
    let runs = format!("{}/operation-runs", home.base);
    let body = json!({
        "operation_type": "inventory.sync", "environment_id": home.environment, "connection_id": connection,
    });
    let queued = owner.post(&runs, &body).await.expect("an answer");
    let body = json!({ "display_name": "Empty", "slug": "empty" });
    let empty = created(
        &owner
            .post(&format!("{}/environments", home.base), &body)
            .await
            .expect("an answer"),
    );
    let body = json!({ "operation_type": "inventory.sync", "environment_id": empty });
    let blocked = owner.post(&runs, &body).await.expect("an answer");
    assert_eq!(blocked.status, 422, "{}", blocked.body);
    queued.text("/run/id").to_owned()
}
