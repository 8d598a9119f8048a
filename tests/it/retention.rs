//! What is older than it is kept goes, and nothing else: by a run that can be watched, canceled and killed.

mod scene;

use std::collections::BTreeSet;

use futures::future::join_all;
use integration_tests::{Engine, TestDatabase, assert_invariants, on_both_engines};
use operations::{
    CountKey, Retention as _, RetentionKind, RunLease, SummaryCounts,
    retention::{PruneStep, Pruned},
};
use serde_json::{Value, json};

use self::scene::{DAY, SECOND, Scene};

on_both_engines!(
    every_history_is_cut_at_its_second,
    a_run_that_something_refers_to_stays,
    what_is_left_after_a_long_time_is_in_order,
    a_housekeeper_that_dies_between_batches_is_followed_by_another,
    one_run_starts_whoever_looks_at_the_turns,
    it_is_seen_canceled_and_not_started_by_callers,
    a_hundred_thousand_rows_go_in_small_transactions,
);

/// Two rows of each history: one that is a second too old, and one exactly as old as it may be.
async fn every_history_is_cut_at_its_second(database: TestDatabase) {
    let scene = Scene::new(database).await;
    let now = scene.micros();
    let connection = scene.id(&scene.home.connection);
    scene
        .app
        .database
        .tamper(&format!(
            "INSERT INTO consent_links (workspace_id, id, connection_id, link_hash, identity_version, scope_identifier,
                client_identifier, permission_set, created_at, expires_at)
            SELECT workspace_id, id, id, {hash}, 1, 'a', 'b', 'c', 1, {now} FROM provider_connections WHERE id = {connection};
            INSERT INTO call_attempts (workspace_id, id, connection_id, run_id, occurred_at, call_name, limit_name, attempt,
                outcome, took, time_lost)
            SELECT workspace_id, id, connection_id, id, {now}, 'a', 'b', 1, 'failed', 0, 0 FROM operation_runs
            WHERE operation_type = 'inventory.sync'",
            hash = scene.id(&scene.home.workspace).replace("::uuid", "::text::bytea"),
        ))
        .await;
    let histories = [
        ("audit_events", "occurred_at", 400, "pruned_audit_events", ""),
        (
            "connection_history",
            "occurred_at",
            400,
            "pruned_connection_history",
            "",
        ),
        ("compliance_snapshots", "taken_at", 400, "pruned_snapshots", ""),
        ("call_attempts", "occurred_at", 30, "pruned_call_attempts", ""),
        (
            "operation_runs",
            "completed_at",
            90,
            "pruned_runs",
            ", created_at = 1, started_at = 1, connection_id = NULL",
        ),
        (
            "consent_links",
            "expires_at",
            30,
            "pruned_consent_links",
            ", link_hash = id",
        ),
        ("outbox_events", "created_at", 30, "pruned_events", ""),
    ];
    for (table, time, days, _, more) in histories {
        for (at, sequence) in [(now - days * DAY - SECOND, 1), (now - days * DAY, 2)] {
            if table == "outbox_events" {
                // They begin the stream: it is cut from its beginning.
                scene
                    .app
                    .database
                    .tamper(&format!(
                        "UPDATE outbox_events SET {time} = {at} WHERE sequence = {sequence}"
                    ))
                    .await;
                continue;
            }
            let more = if scene.app.database.engine == Engine::Postgres {
                more.replace("= id", "= decode(md5(random()::text), 'hex')")
            } else {
                more.replace("= id", "= randomblob(16)")
            };
            scene
                .copies(table, 1, "TRUE", &format!("{time} = {at}{more}"))
                .await;
        }
    }
    let over = now - 30 * DAY;
    scene
        .app
        .database
        .tamper(&format!(
            "INSERT INTO expiry_notices (workspace_id, subject, expires_at, threshold_days, noticed_at)
            SELECT id, 'x', {}, 7, 1 FROM workspaces UNION ALL SELECT id, 'x', {over}, 7, 1 FROM workspaces",
            over - SECOND
        ))
        .await;

    let run = scene.clean().await;
    for (table, time, days, count, _) in histories {
        assert_eq!(run["counts"][count], json!(1), "{table}: {run}");
        let cut = scene
            .count(table, &format!("{time} = {}", now - days * DAY - SECOND))
            .await;
        let edge = scene
            .count(table, &format!("{time} = {}", now - days * DAY))
            .await;
        assert_eq!((cut, edge), (0, 1), "{table}");
    }
    assert_eq!(run["counts"]["pruned_expiry_notices"], json!(1));
    assert_eq!(run["counts"]["pruned"], json!(8));
    assert_eq!(scene.count("expiry_notices", "TRUE").await, 1);
    assert_eq!(scene.count("event_streams", "first_kept = 2").await, 1);
    let again = scene.clean().await;
    assert_eq!(again["counts"]["pruned"], json!(0), "{again}");
    scene.app.stop().await;
}

/// Everything is old, and what says how things are now keeps its run.
async fn a_run_that_something_refers_to_stays(database: TestDatabase) {
    let scene = Scene::new(database).await;
    let old = scene.micros() - 1000 * DAY;
    let ended = "connection_id = NULL, outcome = 'succeeded'";
    scene
        .copies(
            "operation_runs",
            1,
            "operation_type = 'inventory.sync'",
            &format!("identity_hash = 'nobody', {ended}"),
        )
        .await;
    scene
        .copies(
            "operation_runs",
            1,
            "operation_type = 'inventory.sync'",
            &format!("identity_hash = 'parent', {ended}"),
        )
        .await;
    let parent = "(SELECT id FROM operation_runs WHERE identity_hash = 'parent')";
    scene
        .copies(
            "operation_runs",
            1,
            "operation_type = 'inventory.sync'",
            &format!("identity_hash = 'child', {ended}, parent_run_id = {parent}"),
        )
        .await;
    let child_keeps = "(SELECT id FROM operation_runs WHERE identity_hash = 'child')";
    let database = &scene.app.database;
    database
        .tamper(&format!("UPDATE compliance_snapshots SET taken_at = {old}"))
        .await;
    // The child is young: it stays for its own age, and the parent for the child.
    database
        .tamper(&format!(
            "UPDATE operation_runs SET created_at = {old}, started_at = {old}, completed_at = {old} WHERE identity_hash <> 'child'"
        ))
        .await;
    let waiting = scene
        .home
        .start(&scene.owner, "inventory.sync")
        .await
        .text("/run/id")
        .to_owned();
    database
        .tamper(&format!(
            "UPDATE operation_runs SET created_at = {old} WHERE id = {}",
            scene.id(&waiting)
        ))
        .await;
    scene.start().await;
    // The worker takes both; the inventory is new then, and its items are the new run's.
    database
        .tamper(&format!(
            "UPDATE operation_runs SET not_before = {} WHERE id = {}",
            scene.micros() + DAY,
            scene.id(&waiting)
        ))
        .await;
    assert_eq!(scene.app.drain().await, 1);
    let run = scene.listed().await.remove(0);
    assert_eq!(run["counts"]["pruned_runs"], json!(1), "{run}");
    let left = |which| scene.count("operation_runs", which);
    assert_eq!(left("identity_hash = 'nobody'").await, 0);
    assert_eq!(left("identity_hash = 'parent'").await, 1, "it has a child");
    assert_eq!(
        left("operation_type = 'inventory.sync' AND connection_id IS NOT NULL AND status = 'completed'")
            .await,
        1,
        "items name it"
    );
    assert_eq!(
        left("operation_type = 'compliance.snapshot'").await,
        1,
        "the newest snapshot is its"
    );
    assert_eq!(
        left("operation_type = 'provider.connection.check'").await,
        1,
        "the connection's axes name it"
    );
    assert_eq!(left("status = 'queued'").await, 1, "it is not over");
    // When the reason is gone, so is the run.
    database
        .tamper(&format!(
            "UPDATE operation_runs SET completed_at = {old}, created_at = {old} WHERE id = {child_keeps}"
        ))
        .await;
    assert_eq!(
        scene.clean().await["counts"]["pruned_runs"],
        json!(1),
        "the child"
    );
    assert_eq!(
        scene.clean().await["counts"]["pruned_runs"],
        json!(1),
        "then the parent"
    );
    scene.app.stop().await;
}

/// Years pass, and the product goes on: what is left contradicts nothing.
async fn what_is_left_after_a_long_time_is_in_order(database: TestDatabase) {
    let scene = Scene::new(database).await;
    let years = 1000 * DAY;
    for (table, columns) in [
        ("audit_events", &["occurred_at"][..]),
        ("outbox_events", &["created_at"]),
        ("operation_runs", &["created_at", "started_at", "completed_at"]),
        ("compliance_snapshots", &["taken_at"]),
        ("connection_history", &["occurred_at"]),
    ] {
        let columns: Vec<_> = columns
            .iter()
            .map(|column| format!("{column} = {column} - {years}"))
            .collect();
        scene
            .app
            .database
            .tamper(&format!("UPDATE {table} SET {}", columns.join(", ")))
            .await;
    }
    let operations = ["inventory.sync", "compliance.snapshot"];
    for operation in operations {
        assert_eq!(scene.home.start(&scene.owner, operation).await.status, 202);
        scene.app.drain().await;
    }
    assert_invariants(&scene.app.database).await;
    let run = scene.clean().await;
    assert_invariants(&scene.app.database).await;
    assert!(
        run["counts"]["pruned_audit_events"].as_u64().expect("a number") > 10,
        "{run}"
    );
    assert_eq!(
        run["counts"]["pruned_runs"],
        json!(2),
        "the axes still name the check: {run}"
    );
    assert_eq!(run["counts"]["pruned_snapshots"], json!(1));
    // Who is behind the first number that is kept can tell.
    let sequence = scene
        .app
        .database
        .number("SELECT first_kept FROM event_streams")
        .await;
    assert!(sequence > 10, "{sequence}");
    assert_eq!(
        scene
            .count("outbox_events", &format!("sequence < {sequence}"))
            .await,
        0
    );
    scene.app.stop().await;
}

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
    scene
        .app
        .database
        .tamper("UPDATE operation_runs SET lease_until = 1 WHERE status = 'running'")
        .await;
    assert_eq!(scene.app.worker.sweep().await.expect("sweeps").requeued, 1);
    assert_eq!(prune(&scene, &first.lease, &counts).await, Pruned::Lost);
    assert_eq!(
        scene.count("audit_events", "occurred_at = 1").await,
        25,
        "who is late removes nothing"
    );
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

async fn it_is_seen_canceled_and_not_started_by_callers(database: TestDatabase) {
    let scene = Scene::new(database).await;
    let refused = scene.home.start(&scene.owner, "workspace.housekeeping").await;
    assert_eq!(
        (refused.status, refused.text("/code")),
        (422, "unknown_operation_type"),
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
    scene
        .app
        .database
        .tamper("UPDATE operation_runs SET lease_until = 1 WHERE status = 'running'")
        .await;
    scene.app.worker.sweep().await.expect("sweeps");
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
        let big = "SELECT coalesce(sum(seq_scan), 0)::bigint FROM pg_stat_user_tables
            WHERE relname IN ('audit_events', 'operation_runs', 'inventory_items')";
        assert_eq!(
            scene.app.database.number(big).await,
            0,
            "no big table was read from end to end"
        );
    }
    assert_eq!(scene.count("audit_events", "occurred_at = 1").await, 0);
    scene.app.stop().await;
}
