//! How PostgreSQL reads the list of runs in a workspace with a long history: through an index, whatever
//! is asked for, and without sorting the history.

use integration_tests::{Engine, TestDatabase};
use sea_orm::{ConnectionTrait as _, Statement};

use super::kit::Kit;

#[test]
fn the_usual_filters_are_read_through_an_index() {
    integration_tests::database::run(Engine::Postgres, usual_filters);
}

/// A long history of this workspace and of another environment, of which little is asked for.
const HISTORY: &str = "INSERT INTO operation_runs (workspace_id, id, environment_id, connection_id, operation_type,
        status, outcome, scope_key, identity_hash, inputs, initiator_label, attempt, lost_leases, context, counts,
        failures, created_at, completed_at, waited, kind, trigger_kind, schedule_id)
    SELECT workspace_id, gen_random_uuid(), environment_id, connection_id, operation_type, 'completed', 'succeeded',
        scope_key, identity_hash, inputs, initiator_label, 1, 0, context, counts, failures, created_at - n::bigint * 1000000,
        created_at, 0, 'job', 'api', CASE WHEN n % 1000 = 0 THEN id END
    FROM operation_runs, generate_series(1, 20000) AS n";

async fn usual_filters(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let run = kit.started("inventory.sync").await;
    let raw = kit.app.database.raw().await;
    raw.execute_unprepared(HISTORY).await.expect("runs");
    raw.execute_unprepared("ANALYZE operation_runs")
        .await
        .expect("runs");
    let (environment, connection) = (&kit.home.environment, &kit.home.connection);
    for (filter, indexes) in [
        (String::new(), &["operation_runs_list_order"][..]),
        (
            "AND status IN ('queued', 'running')".to_owned(),
            &["operation_runs_active_scope_unique", "operation_runs_active_list"],
        ),
        (
            "AND status = 'running'".to_owned(),
            &["operation_runs_active_scope_unique", "operation_runs_active_list"],
        ),
        (
            format!("AND environment_id = '{environment}'"),
            &["operation_runs_environment_order", "operation_runs_list_order"],
        ),
        (
            "AND environment_id = '0190b3e4-0000-7000-8000-000000000001'".to_owned(),
            &["operation_runs_environment_order"],
        ),
        (
            format!("AND connection_id = '{connection}'"),
            &["operation_runs_connection_order", "operation_runs_list_order"],
        ),
        (
            "AND connection_id = '0190b3e4-0000-7000-8000-000000000001'".to_owned(),
            &["operation_runs_connection_order"],
        ),
        (
            format!("AND parent_run_id = '{run}'"),
            &["operation_runs_children_order"],
        ),
        (
            format!("AND schedule_id = '{run}'"),
            &["operation_runs_schedule_order"],
        ),
        (
            "AND created_at > 1 AND outcome = 'succeeded'".to_owned(),
            &["operation_runs_list_order"],
        ),
    ] {
        let sql = format!(
            "EXPLAIN SELECT * FROM operation_runs WHERE workspace_id = '{}' {filter}
            ORDER BY created_at DESC, id DESC LIMIT 51",
            kit.home.workspace
        );
        let rows = raw
            .query_all_raw(Statement::from_string(raw.get_database_backend(), sql))
            .await;
        let lines = rows.expect("explains").into_iter();
        let plan: Vec<String> = lines
            .map(|row| row.try_get_by_index(0).expect("a line"))
            .collect();
        let plan = plan.join("\n");
        assert!(!plan.contains("Seq Scan"), "{filter}: {plan}");
        assert!(
            indexes.iter().any(|index| plan.contains(index)),
            "{filter}: {plan}"
        );
    }
    raw.close().await.expect("closes");
    kit.app.stop().await;
}
