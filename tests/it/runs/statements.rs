//! What starting, claiming, a sign of life and an end cost in SQL statements. `BEGIN` and `COMMIT` are
//! not counted.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use integration_tests::{Engine, TestDatabase, on_both_engines};
use kernel::{Clock as _, SystemClock, SystemIds};
use operations::{
    ConnectionChoice, Fence, OperationType, QueueSettings, RunOutcome, RunQueue as _, RunTrigger,
    StartOutcome, StartRequest, WorkerName, change_target, gate,
};
use provider_core::ReasonCode;
use provider_microsoft::MicrosoftScopeRules;
use serde_json::Map;
use storage::Storage as _;
use tenancy::{AuditAction, Change, SystemTask, WorkspaceScope};

use super::kit::Kit;

on_both_engines!(a_run_costs_a_fixed_number_of_statements);

async fn a_run_costs_a_fixed_number_of_statements(database: TestDatabase) {
    // The journal is one statement where a statement can hold two changes.
    let journal = match database.engine {
        Engine::Postgres => 1,
        Engine::Sqlite => 2,
    };
    let kit = Kit::new(database).await;
    let mut counted = kit.app.program.database.clone();
    let statements = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&statements);
    counted.watch_statements(move |_| {
        told.fetch_add(1, Ordering::SeqCst);
    });
    let cost = || statements.swap(0, Ordering::SeqCst);

    #[expect(clippy::disallowed_methods, reason = "the test stands below the API")]
    let scope = WorkspaceScope::for_system(kit.home.workspace.parse().expect("an id"), SystemTask::Worker);
    let id = kit.home.connection.parse().expect("an id");
    let session = kit.app.program.database.read().await.expect("reads");
    let connection = session.connections().find(&scope, id).await;
    let connection = connection.expect("reads").expect("there");
    let request = StartRequest {
        operation_type: OperationType::InventorySync,
        environment_id: connection.environment_id,
        inputs: Map::new(),
        trigger: RunTrigger::Api { retry_of: None },
    };
    let choice = ConnectionChoice::Use(Box::new(connection), Vec::new());
    let (rules, now) = (MicrosoftScopeRules::default(), SystemClock.now());
    let prepare = || gate::prepare(&scope, request.clone(), &choice, &rules, &SystemIds, now);
    let change = |action, target| Change::new(&scope, action, target, now, &SystemIds);

    let run = prepare();
    let entry = change(AuditAction::OperationAccepted, change_target(&run));
    let mut unit = counted.begin().await.expect("begins");
    let outcome = gate::start(&mut *unit.runs(), &scope, run, &entry)
        .await
        .expect("settles");
    assert!(matches!(outcome, StartOutcome::Accepted(_)));
    unit.commit().await.expect("commits");
    assert_eq!(cost(), 1 + journal, "a start: the run, and the journal");

    let late = prepare();
    let entry = change(AuditAction::OperationAccepted, change_target(&late));
    let mut unit = counted.begin().await.expect("begins");
    let outcome = gate::start(&mut *unit.runs(), &scope, late, &entry)
        .await
        .expect("settles");
    assert!(matches!(outcome, StartOutcome::Deduplicated(_)));
    drop(unit);
    assert_eq!(cost(), 2, "a start that meets a run: the try, and the look");

    let (queue, settings) = (counted.queue(), QueueSettings::default());
    let claimed = queue
        .claim(
            &WorkerName::new("one"),
            &settings,
            operations::PerLane::from_fn(|_| 8),
        )
        .await
        .expect("claims");
    assert_eq!(claimed.len(), 1);
    assert_eq!(cost(), 1 + journal, "a claim, and the journal of the run in it");

    queue
        .heartbeat(&claimed[0].lease, settings.lease, None)
        .await
        .expect("answers");
    assert_eq!(cost(), 1, "a sign of life");

    let end = claimed[0]
        .run
        .end_because(RunOutcome::Failed, ReasonCode::InternalError);
    let entry = change(AuditAction::OperationCompleted, change_target(&claimed[0].run));
    let mut unit = counted.begin().await.expect("begins");
    let fence = unit
        .attempts()
        .finish(&scope, &claimed[0].lease, &end.expect("active"), &entry)
        .await;
    assert_eq!(fence.expect("answers"), Fence::Held);
    unit.commit().await.expect("commits");
    assert_eq!(
        cost(),
        2 + journal,
        "an end: the run, the journal, the resume point"
    );
    kit.app.stop().await;
}
