//! A workspace with a past: what the product made, copied and moved back in time behind its back.

use std::sync::Arc;

use cli::Client;
use integration_tests::{Engine, Home, TestApp, TestDatabase};
use kernel::{Clock, SystemClock, SystemIds, Timestamp};
use operations::{ClaimedRun, PerLane, QueueSettings, RetentionSettings, RunQueue as _, WorkerName};
use serde_json::Value;
use worker::{Housekeeper, HousekeepingReport};

pub(super) const DAY: i64 = 86_400_000_000;
pub(super) const SECOND: i64 = 1_000_000;

/// A clock that stands.
struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub(super) struct Scene {
    pub(super) app: TestApp,
    pub(super) owner: Client,
    pub(super) home: Home,
    /// When housekeeping runs are made: cutoffs count from here.
    pub(super) now: Timestamp,
}

impl Scene {
    /// A connection that was checked, read and measured.
    pub(super) async fn new(database: TestDatabase) -> Self {
        let app = TestApp::start(database).await;
        let owner = app.client("owner");
        let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
        for operation in [
            "provider.connection.check",
            "inventory.sync",
            "compliance.snapshot",
        ] {
            assert_eq!(home.start(&owner, operation).await.status, 202);
            app.drain().await;
        }
        app.settle().await;
        Self {
            app,
            owner,
            home,
            now: SystemClock.now(),
        }
    }

    pub(super) fn micros(&self) -> i64 {
        self.now.timestamp_micros()
    }

    /// Copies of a row of `table`, with ids of their own and these columns. `{n}` is the number of the copy.
    pub(super) async fn copies(&self, table: &str, count: u32, which: &str, columns: &str) {
        let (random, over) = match self.app.database.engine {
            Engine::Sqlite => ("randomblob(16)", ""),
            Engine::Postgres if table == "outbox_events" => ("gen_random_uuid()", "OVERRIDING SYSTEM VALUE"),
            Engine::Postgres => ("gen_random_uuid()", ""),
        };
        let columns = columns.replace("{n}", "n");
        let sql = format!(
            "CREATE TEMP TABLE copied AS SELECT s.* FROM (SELECT * FROM {table} WHERE {which} LIMIT 1) s,
                (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count}) SELECT n FROM c) k;
            UPDATE copied SET id = {random}, {columns};
            INSERT INTO {table} {over} SELECT * FROM copied;
            DROP TABLE copied"
        );
        assert!(!sql.contains(", n"), "copies are all alike");
        self.app.database.tamper(&sql).await;
    }

    /// The turn of every workspace has come.
    pub(super) async fn all_due(&self) {
        self.app
            .database
            .tamper(
                "INSERT INTO housekeeping_turns (workspace_id, next_at) SELECT id, 1 FROM workspaces WHERE TRUE
                ON CONFLICT (workspace_id) DO UPDATE SET next_at = 1",
            )
            .await;
    }

    pub(super) fn housekeeper(&self) -> Housekeeper {
        let database = Arc::new(self.app.program.database.clone());
        Housekeeper {
            storage: database.clone(),
            retention: database,
            clock: Arc::new(Standing(self.now)),
            ids: Arc::new(SystemIds),
            wake: Arc::clone(&self.app.program.wake),
            settings: RetentionSettings::default(),
        }
    }

    pub(super) async fn start(&self) {
        self.all_due().await;
        let report = self.housekeeper().run_once().await.expect("starts");
        assert_eq!(report, HousekeepingReport { started: 1 });
    }

    /// A housekeeping run from its start to its end, as the list shows it.
    pub(super) async fn clean(&self) -> Value {
        self.start().await;
        assert_eq!(self.app.drain().await, 1);
        let mut runs = self.listed().await;
        let run = runs.remove(0);
        assert_eq!(
            (&run["status"], &run["outcome"]),
            (&"completed".into(), &"succeeded".into()),
            "{run}"
        );
        run
    }

    /// Housekeeping runs, newest first.
    pub(super) async fn listed(&self) -> Vec<Value> {
        let path = format!(
            "{}/operation-runs?operation_type=workspace.housekeeping",
            self.home.base
        );
        let answer = self.owner.get(&path).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["items"].as_array().expect("a list").clone()
    }

    pub(super) async fn claim(&self) -> ClaimedRun {
        let queue = self.app.program.database.queue();
        let claimed = queue
            .claim(
                &WorkerName::new("one"),
                &QueueSettings::default(),
                PerLane::all(10),
            )
            .await;
        let mut claimed = claimed.expect("claims");
        assert_eq!(claimed.len(), 1);
        claimed.remove(0)
    }

    pub(super) async fn count(&self, table: &str, which: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table} WHERE {which}");
        self.app.database.number(&sql).await
    }

    pub(super) fn id(&self, text: &str) -> String {
        match self.app.database.engine {
            Engine::Sqlite => format!("x'{}'", text.replace('-', "")),
            Engine::Postgres => format!("'{text}'::uuid"),
        }
    }
}
