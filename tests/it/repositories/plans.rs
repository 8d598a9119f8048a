//! How SQLite reads. It keeps no statistics here, so what it chooses follows from the statement and the schema
//! alone, and can be asked of an empty file. Every statement that a question really consists of is explained,
//! with its real values. (What PostgreSQL chooses depends on what is in the table: `runs::plans`.)

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use integration_tests::{Engine, TestDatabase, database::run};
use kernel::{PageLimit, PageRequest, Position};
use operations::{Freshness, QueueSettings, RunFilter, RunQueue as _, RunStatus, StatusGroup};
use sea_orm::{ConnectionTrait as _, Statement};
use storage::{Storage as _, Watching as _};
use storage_sea_orm::Database;
use tenancy::EventPublisher as _;
use webhooks::{ClaimLimits, DeliveryQueue};

use super::world::{Place, World, fresh};

#[test]
fn runs_are_listed_through_the_index_of_what_is_asked_for() {
    run(Engine::Sqlite, listed);
}

#[test]
fn what_is_asked_often_reads_no_table_as_a_whole() {
    run(Engine::Sqlite, often);
}

/// Indexes that hold what is active or waits, and nothing of what is over.
const LITTLE: [&str; 7] = [
    "operation_runs_active_list",
    "operation_runs_at_work",
    "operation_runs_gathering",
    "operation_runs_queue_order",
    "outbox_events_unnumbered",
    "webhook_deliveries_held",
    "webhook_deliveries_queue",
];

/// A handle that remembers what it asks.
struct Asked {
    world: World,
    store: Database,
    place: Place,
    statements: Arc<Mutex<Vec<Statement>>>,
}

impl Asked {
    async fn new(database: TestDatabase) -> Self {
        let world = World::new(database).await;
        let place = world.place().await;
        let mut store = world.store.clone();
        let statements = Arc::<Mutex<Vec<Statement>>>::default();
        let told = Arc::clone(&statements);
        store.watch_statements(move |statement| told.lock().expect("whole").push(statement.clone()));
        Self {
            world,
            store,
            place,
            statements,
        }
    }

    /// The steps by which everything was read that was asked since the last time.
    async fn steps(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.statements.lock().expect("whole"));
        assert!(!asked.is_empty(), "nothing was asked");
        let raw = self.world.database.raw().await;
        let mut steps = Vec::new();
        for mut statement in asked {
            statement.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
            let rows = raw.query_all_raw(statement).await.expect("explains");
            steps.extend(rows.iter().map(|row| row.try_get("", "detail").expect("text")));
        }
        raw.close().await.expect("closes");
        steps
    }

    /// What was read from one end to the other: tables, by the names that the statements give them, and
    /// indexes, unless they hold little by themselves.
    async fn whole(&self) -> BTreeSet<String> {
        let steps = self.steps().await;
        let whole = steps.iter().filter_map(|step| step.strip_prefix("SCAN "));
        let little = |rest: &str| LITTLE.iter().any(|index| rest.ends_with(index));
        whole
            .filter(|rest| !little(rest) && !rest.contains("CONSTANT ROW"))
            .map(ToOwned::to_owned)
            .collect()
    }
}

async fn listed(database: TestDatabase) {
    let asked = Asked::new(database).await;
    let now = asked.world.now;
    let all = RunFilter::default();
    for (filter, through) in [
        (all, "operation_runs_list_order (workspace_id=?"),
        (
            RunFilter {
                environment_id: Some(fresh()),
                ..all
            },
            "operation_runs_environment_order (workspace_id=? AND environment_id=?",
        ),
        (
            RunFilter {
                connection_id: Some(fresh()),
                ..all
            },
            "operation_runs_connection_order (workspace_id=? AND connection_id=?",
        ),
        (
            RunFilter {
                schedule_id: Some(fresh()),
                ..all
            },
            "operation_runs_schedule_order (workspace_id=? AND schedule_id=?",
        ),
        (
            RunFilter {
                parent_run_id: Some(fresh()),
                ..all
            },
            "operation_runs_children_order (workspace_id=? AND parent_run_id=?",
        ),
        (
            RunFilter {
                status: Some(RunStatus::Queued),
                ..all
            },
            "operation_runs_active_list (workspace_id=?",
        ),
        (
            RunFilter {
                status: Some(RunStatus::Running),
                ..all
            },
            "operation_runs_active_list (workspace_id=?",
        ),
        (
            RunFilter {
                group: Some(StatusGroup::Active),
                ..all
            },
            "operation_runs_active_list (workspace_id=?",
        ),
        (
            RunFilter {
                freshness: Some((Freshness::FreshActive, now)),
                ..all
            },
            "operation_runs_active_list (workspace_id=?",
        ),
        (
            RunFilter {
                freshness: Some((Freshness::LikelyStale, now)),
                ..all
            },
            "operation_runs_active_list (workspace_id=?",
        ),
    ] {
        let last = Position {
            at: now,
            id: asked.place.environment.as_uuid(),
        };
        // A later page begins where the one before it ended, and does not pass that again.
        for (after, until) in [(None, ")"), (Some(last), " AND created_at<?)")] {
            let request = PageRequest {
                limit: PageLimit::default(),
                after,
            };
            let session = asked.store.read().await.expect("reads");
            let page = session.runs().list(&asked.place.scope, filter, request).await;
            page.expect("reads");
            let steps = asked.steps().await;
            let expected = format!("SEARCH operation_runs USING INDEX {through}{until}");
            assert_eq!(steps, [expected], "{filter:?}");
        }
    }
}

async fn often(database: TestDatabase) {
    let asked = Asked::new(database).await;
    let nothing = BTreeSet::new();
    let connection = asked.world.connected(&asked.place, "target", "secret").await;
    let active = asked.world.queued(&asked.place, &connection, "scope").await;
    let (workspace, principal) = (
        asked.place.scope.workspace_id(),
        asked.place.owner.member().principal.id,
    );
    let session = asked.store.read().await.expect("reads");

    let holder = session.runs().active_on(&asked.place.scope, "scope").await;
    assert_eq!(holder.expect("reads").map(|run| run.id), Some(active.id));
    let steps = asked.steps().await;
    let by_scope = "operation_runs_active_scope_unique (workspace_id=? AND scope_key=?)";
    assert_eq!(steps, [format!("SEARCH operation_runs USING INDEX {by_scope}")]);

    let seen = asked.store.run_marks(&[(workspace, active.id)]).await;
    assert_eq!(seen.expect("reads").len(), 1);
    let seen = asked.store.runs(&[(workspace, active.id)]).await;
    assert_eq!(seen.expect("reads").len(), 1);
    let seen = asked.store.roles(&[(workspace, principal)]).await;
    assert_eq!(seen.expect("reads").len(), 1);
    let asked_for = BTreeSet::from(["asked".to_owned()]);
    assert_eq!(asked.whole().await, asked_for, "for those who watch");

    let queue = asked.store.queue();
    queue.sweep(&QueueSettings::default()).await.expect("sweeps");
    assert_eq!(asked.whole().await, nothing, "of a sweep");

    let id = active.id.to_string();
    let (scope, subject) = (&asked.place.scope, ("operation_run", id.as_str()));
    let told = session.events().about(scope, subject, 10).await;
    assert!(told.expect("reads").is_empty(), "nothing has a number yet");
    let steps = asked.steps().await;
    let by_subject = "outbox_events_subject_order (workspace_id=? AND subject_id=? AND sequence>?)";
    assert_eq!(steps, [format!("SEARCH outbox_events USING INDEX {by_subject}")]);

    asked.store.publish().await.expect("publishes");
    assert_eq!(
        asked.whole().await,
        BTreeSet::from(["(subquery-3)".to_owned(), "placed".to_owned()]),
        "for the stream"
    );

    let limits = ClaimLimits {
        total: 4,
        per_webhook: 2,
        lease: Duration::from_secs(1),
    };
    let claimed = DeliveryQueue::claim(&asked.store, asked.world.now, limits).await;
    assert!(claimed.expect("answers").is_empty());
    assert_eq!(
        asked.whole().await,
        BTreeSet::from(["(subquery-11)", "one", "ranked", "waiting"].map(ToOwned::to_owned)),
        "for webhooks"
    );

    let counts = session
        .inventory()
        .counts_of_run(scope, connection.id, active.id)
        .await;
    assert_eq!(counts.expect("reads").created, 0);
    let by_run = "inventory_items_run_order (workspace_id=? AND last_seen_run_id=? AND connection_id=?)";
    for step in asked.steps().await {
        assert!(step.ends_with(by_run), "{step}");
    }
}
