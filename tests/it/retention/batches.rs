//! The run that prunes: batch by batch, started once, watched, canceled, killed.

use std::collections::BTreeSet;

use futures::future::join_all;
use integration_tests::{Engine, TestDatabase, assert_invariants, on_both_engines};
use operations::{
    CountKey, Retention as _, RetentionKind, RunLease, SummaryCounts, SweepReport,
    retention::{PruneStep, Pruned},
};
use serde_json::{Value, json};
use storage::Storage as _;
use tenancy::{SystemTask, WorkspaceScope};

use super::scene::{DAY, Scene};

on_both_engines!(
    a_housekeeper_that_dies_between_batches_is_followed_by_another,
    one_run_starts_whoever_looks_at_the_turns,
    it_is_seen_canceled_and_not_started_by_callers,
    a_hundred_thousand_rows_go_in_small_transactions,
);

fn step<'a>(kind: RetentionKind, scene: &Scene, batch: u32, counts: &'a SummaryCounts) -> PruneStep<'a> {
    PruneStep {
        kind,
        before: scene.now - chrono::TimeDelta::days(400),
        after: None,
        batch,
        counts,
    }
}

async fn prune(scene: &Scene, lease: &RunLease, counts: &SummaryCounts) -> Pruned {
    let step = step(RetentionKind::AuditEvents, scene, 10, counts);
    scene
        .app
        .program
        .database
        .prune(lease, &step)
        .await
        .expect("prunes")
}

/// Whoever holds a run is not heard of any more, and that is noticed.
async fn lose_lease(scene: &Scene) -> SweepReport {
    scene
        .app
        .database
        .tamper("UPDATE operation_runs SET lease_until = 1 WHERE status = 'running'")
        .await;
    scene.app.worker.sweep().await.expect("sweeps")
}

async fn a_housekeeper_that_dies_between_batches_is_followed_by_another(database: TestDatabase) {
    let scene = Scene::new(database).await;
    scene.copies("audit_events", 35, "TRUE", "occurred_at = 1").await;
    scene.start().await;
    let first = scene.claim().await;
    let Pruned::Batch { counts, next } = prune(&scene, &first.lease, &SummaryCounts::default()).await else {
        panic!("the lease holds");
    };
    assert_eq!(
        (counts.get(CountKey::PrunedAuditEvents), next.is_some()),
        (10, true)
    );
    // It dies here, without a word.
    assert_eq!(lose_lease(&scene).await.requeued, 1);
    assert_eq!(prune(&scene, &first.lease, &counts).await, Pruned::Lost);
    assert_eq!(
        scene.count("audit_events", "occurred_at = 1").await,
        25,
        "who is late removes nothing"
    );
    // Nor while another one is at it, which dies as well.
    let second = scene.claim().await;
    assert_eq!((first.lease.attempt, second.lease.attempt), (1, 2));
    assert_eq!(prune(&scene, &first.lease, &counts).await, Pruned::Lost);
    assert_eq!(scene.count("audit_events", "occurred_at = 1").await, 25);
    assert_eq!(lose_lease(&scene).await.requeued, 1);
    assert_eq!(scene.app.drain().await, 1);
    let run = scene.listed().await.remove(0);
    assert_eq!(run["outcome"], json!("succeeded"));
    assert_eq!(
        run["counts"]["pruned_audit_events"],
        json!(35),
        "both attempts together"
    );
    assert_eq!(scene.count("audit_events", "occurred_at = 1").await, 0);
    assert_eq!(prune(&scene, &first.lease, &counts).await, Pruned::Lost);
    scene.app.stop().await;
}

async fn one_run_starts_whoever_looks_at_the_turns(database: TestDatabase) {
    let scene = Scene::new(database).await;
    // A workspace that is new gets a turn, and not at once.
    let report = scene.housekeeper().run_once().await.expect("looks");
    let later = format!(
        "next_at >= {} AND next_at <= {}",
        scene.micros(),
        scene.micros() + DAY
    );
    assert_eq!(
        (report.started, scene.count("housekeeping_turns", &later).await),
        (0, 1)
    );
    scene.all_due().await;
    let keepers: Vec<_> = (0..8).map(|_| scene.housekeeper()).collect();
    let reports = join_all(keepers.iter().map(worker::Housekeeper::run_once)).await;
    let started: u64 = reports
        .into_iter()
        .map(|report| report.expect("looks").started)
        .sum();
    assert_eq!((started, scene.listed().await.len()), (1, 1));
    assert_eq!(
        scene.housekeeper().run_once().await.expect("looks").started,
        0,
        "once in an interval"
    );
    scene.all_due().await;
    assert_eq!(taken_twice(&scene).await, [true, false], "by itself");
    // While one is active no other one begins, and the turn is not forgotten.
    scene.all_due().await;
    assert_eq!(scene.housekeeper().run_once().await.expect("looks").started, 0);
    assert_eq!(scene.app.drain().await, 1);
    assert_eq!(scene.housekeeper().run_once().await.expect("looks").started, 1);
    let mut quiet = scene.housekeeper();
    quiet.settings.keep = operations::KeepDays::FOR_EVER;
    scene.app.drain().await;
    scene.all_due().await;
    assert_eq!(
        quiet.run_once().await.expect("looks").started,
        0,
        "there is nothing to remove"
    );
    assert_invariants(&scene.app.database).await;
    scene.app.stop().await;
}

/// Two that read the same time of a turn.
async fn taken_twice(scene: &Scene) -> [bool; 2] {
    let database = &scene.app.program.database;
    let settings = operations::RetentionSettings::default();
    let due = database.due(&settings, scene.now).await.expect("reads");
    let [(workspace, at)] = due[..] else {
        panic!("one turn: {due:?}")
    };
    #[expect(clippy::disallowed_methods, reason = "the test stands below the API")]
    let scope = WorkspaceScope::for_system(workspace, SystemTask::Worker);
    let mut unit = database.begin().await.expect("begins");
    let next = at + chrono::TimeDelta::days(1);
    let mut taken = [false; 2];
    for one in &mut taken {
        *one = unit.retention().take(&scope, at, next).await.expect("answers");
    }
    taken
}

async fn it_is_seen_canceled_and_not_started_by_callers(database: TestDatabase) {
    let scene = Scene::new(database).await;
    let refused = scene.home.start(&scene.owner, "workspace.housekeeping").await;
    assert_eq!(
        (refused.status, refused.text("/code")),
        (422, "invalid_value"),
        "{}",
        refused.body
    );
    assert_eq!(refused.text("/errors/0/code"), "not_startable");
    scene.copies("audit_events", 30, "TRUE", "occurred_at = 1").await;
    scene.start().await;
    let claimed = scene.claim().await;
    let Pruned::Batch { counts, .. } = prune(&scene, &claimed.lease, &SummaryCounts::default()).await else {
        panic!("the lease holds");
    };
    let run = scene.listed().await.remove(0);
    assert_eq!(
        (&run["status"], &run["environment_id"]),
        (&json!("running"), &Value::Null),
        "{run}"
    );
    assert_eq!(run["counts"]["pruned"], json!(10), "it can be watched: {run}");
    let cancel = format!(
        "{}/operation-runs/{}/cancel",
        scene.home.base,
        run["id"].as_str().expect("an id")
    );
    assert_eq!(
        scene
            .owner
            .post(&cancel, &Value::Null)
            .await
            .expect("an answer")
            .status,
        202
    );
    assert_eq!(
        prune(&scene, &claimed.lease, &counts).await,
        Pruned::CancelRequested
    );
    assert_eq!(scene.count("audit_events", "occurred_at = 1").await, 20);
    // A worker that meets the wish ends it, with what was removed.
    lose_lease(&scene).await;
    let run = scene.listed().await.remove(0);
    assert_eq!(
        (&run["outcome"], &run["counts"]["pruned"]),
        (&json!("canceled"), &json!(10)),
        "{run}"
    );
    assert_invariants_of_runs(&scene).await;
    scene.app.stop().await;
}

/// Copies of audit events have no events beside them; all else must hold.
async fn assert_invariants_of_runs(scene: &Scene) {
    let report = integration_tests::invariants::look(&scene.app.database).await;
    let broken: BTreeSet<_> = report.violations.iter().map(|found| found.check).collect();
    assert!(
        broken.is_subset(&BTreeSet::from(["audit_without_event"])),
        "{broken:?}"
    );
}

/// Each transaction removes no more than a batch, and nothing reads a big table from end to end.
async fn a_hundred_thousand_rows_go_in_small_transactions(database: TestDatabase) {
    let scene = Scene::new(database).await;
    let postgres = scene.app.database.engine == Engine::Postgres;
    scene
        .copies("audit_events", 100_000, "TRUE", "occurred_at = 1")
        .await;
    let nobody = "connection_id = NULL, created_at = 1, started_at = 1, completed_at = 2";
    scene
        .copies(
            "operation_runs",
            5_000,
            "operation_type = 'inventory.sync'",
            nobody,
        )
        .await;
    let unique = if postgres {
        "gen_random_uuid()::text"
    } else {
        "hex(randomblob(16))"
    };
    scene
        .copies(
            "inventory_items",
            5_000,
            "TRUE",
            &format!("external_id = {unique}"),
        )
        .await;
    if postgres {
        scene
            .app
            .database
            .tamper(
                "CREATE TABLE removed (transaction bigint, rows bigint);
                CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    INSERT INTO removed SELECT txid_current(), count(*) FROM gone; RETURN NULL; END $$;
                CREATE TRIGGER note AFTER DELETE ON audit_events REFERENCING OLD TABLE AS gone
                    FOR EACH STATEMENT EXECUTE FUNCTION note();
                CREATE TRIGGER note AFTER DELETE ON operation_runs REFERENCING OLD TABLE AS gone
                    FOR EACH STATEMENT EXECUTE FUNCTION note();
                ANALYZE; SELECT pg_stat_reset()",
            )
            .await;
    }
    scene.start().await;
    let claimed = scene.claim().await;
    for (kind, all) in [
        (RetentionKind::Runs, 5_000),
        (RetentionKind::AuditEvents, 100_000),
    ] {
        let (mut counts, mut after, mut most) = (SummaryCounts::default(), None, 0);
        loop {
            let step = PruneStep {
                after,
                ..step(kind, &scene, 500, &counts)
            };
            let Pruned::Batch { counts: sum, next } = scene
                .app
                .program
                .database
                .prune(&claimed.lease, &step)
                .await
                .expect("prunes")
            else {
                panic!("the lease holds");
            };
            most = most.max(sum.get(kind.count_key()) - counts.get(kind.count_key()));
            (counts, after) = (sum, next);
            if after.is_none() {
                break;
            }
        }
        assert_eq!((counts.get(kind.count_key()), most), (all, 500), "{kind:?}");
    }
    if postgres {
        let most = "SELECT CAST(max(rows) AS bigint) FROM (SELECT sum(rows) AS rows FROM removed GROUP BY transaction) t";
        assert_eq!(
            scene.app.database.number(most).await,
            500,
            "rows in one transaction"
        );
        // What the server itself counted, told when the sessions that counted it ended.
        for backend in 0..50 {
            let scans = "SELECT coalesce(sum(idx_scan), 0)::bigint FROM pg_stat_user_tables WHERE relname = 'audit_events'";
            if scene.app.database.number(scans).await > 100 {
                break;
            }
            assert!(backend < 49, "the server tells its counts");
        }
        // (A session that looked at them before the reset, when they were small, may tell its counts after it.)
        let big = "SELECT coalesce(sum(seq_tup_read), 0)::bigint FROM pg_stat_user_tables
            WHERE relname IN ('audit_events', 'operation_runs', 'inventory_items')";
        let read = scene.app.database.number(big).await;
        assert!(read < 5_000, "no big table was read from end to end: {read}");
    }
    assert_eq!(scene.count("audit_events", "occurred_at = 1").await, 0);
    scene.app.stop().await;
}
