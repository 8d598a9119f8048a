//! The start gate under fire: 64 starters of mixed operations on one scope, 200 rounds. After
//! every round exactly one run is active, and every loser named it.
//!
//! On PostgreSQL the starters come over HTTP to two API processes; on SQLite they are tasks that
//! meet in the gate itself, because one process has the file.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use cli::Client;
use futures::future::join_all;
use integration_tests::{
    Engine, TestApp, TestDatabase, app::connection_body, assert_invariants, process::Process,
};
use kernel::{Clock as _, SystemClock, SystemIds};
use operations::{
    ConnectionChoice, OperationType, RunTrigger, StartOutcome, StartRequest, change_target, gate,
};
use provider_core::ProviderConnection;
use provider_microsoft::MicrosoftScopeRules;
use serde_json::{Map, Value, json};
use storage::Storage;
use tenancy::{AuditAction, Change, SystemTask, WorkspaceScope};
use url::Url;

const STARTERS: usize = 64;
const ROUNDS: usize = 200;
const ACTIVE: &str = "SELECT count(*) FROM operation_runs WHERE status IN ('queued', 'running')";

/// What a starter heard: the disposition, and the run that it named.
type Heard = (&'static str, String);

/// One winner, and everybody names it.
fn judge(round: usize, heard: &[Heard], winner_is: &str) {
    let accepted: Vec<_> = heard.iter().filter(|(what, _)| *what == "accepted").collect();
    assert_eq!(accepted.len(), 1, "round {round}: one accepted start");
    assert_eq!(
        accepted[0].1, winner_is,
        "round {round}: the accepted run is the active one"
    );
    let named: BTreeSet<_> = heard.iter().map(|(_, run)| run.as_str()).collect();
    assert_eq!(
        named,
        BTreeSet::from([winner_is]),
        "round {round}: every loser names the true holder"
    );
}

fn operation(starter: usize) -> OperationType {
    OperationType::STARTABLE[starter % OperationType::STARTABLE.len()]
}

#[test]
fn sqlite_64_tasks() {
    integration_tests::database::run(Engine::Sqlite, |database| async {
        let app = TestApp::start(database).await;
        let owner = app.client("owner");
        let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
        #[expect(clippy::disallowed_methods, reason = "the starters stand below the API")]
        let scope = WorkspaceScope::for_system(home.workspace.parse().expect("an id"), SystemTask::Worker);
        let session = app.program.database.read().await.expect("reads");
        let connection = session
            .connections()
            .find(&scope, home.connection.parse().expect("an id"))
            .await;
        let connection = Arc::new(connection.expect("reads").expect("there"));
        drop(session);
        let database = Arc::new(app.program.database.clone());
        let raw = app.database.raw().await;
        for round in 0..ROUNDS {
            let starters = (0..STARTERS).map(|starter| {
                let (database, scope, connection) =
                    (Arc::clone(&database), scope.clone(), Arc::clone(&connection));
                tokio::spawn(async move {
                    start(database.as_ref(), &scope, &connection, operation(starter)).await
                })
            });
            let heard: Vec<Heard> = join_all(starters)
                .await
                .into_iter()
                .map(|heard| heard.expect("joins"))
                .collect();
            assert_eq!(
                number(&raw, ACTIVE).await,
                1,
                "round {round}: exactly one active run"
            );
            let winner = &heard
                .iter()
                .find(|(what, _)| *what == "accepted")
                .expect("a winner")
                .1;
            judge(round, &heard, winner);
            let canceled = owner
                .post(
                    &format!("{}/operation-runs/{winner}/cancel", home.base),
                    &Value::Null,
                )
                .await;
            assert!(canceled.expect("an answer").status < 300);
        }
        assert_eq!(
            number(&raw, "SELECT count(*) FROM operation_runs").await,
            i64::try_from(ROUNDS).expect("small")
        );
        assert_invariants(&app.database).await;
        app.stop().await;
    });
}

/// Goes through the gate as a handler does, in a unit of work of its own.
async fn start(
    storage: &dyn Storage,
    scope: &WorkspaceScope,
    connection: &ProviderConnection,
    operation_type: OperationType,
) -> Heard {
    let request = StartRequest {
        operation_type,
        environment_id: connection.environment_id,
        inputs: Map::new(),
        trigger: RunTrigger::Api { retry_of: None },
    };
    let choice = ConnectionChoice::Use(Box::new(connection.clone()), Vec::new());
    let now = SystemClock.now();
    let run = gate::prepare(
        scope,
        request,
        &choice,
        &MicrosoftScopeRules::default(),
        &SystemIds,
        now,
    );
    let change = Change::new(
        scope,
        AuditAction::OperationAccepted,
        change_target(&run),
        now,
        &SystemIds,
    );
    let mut unit = storage.begin().await.expect("begins");
    let outcome = gate::start(unit.runs().as_mut(), scope, run, &change)
        .await
        .expect("settles");
    unit.commit().await.expect("commits");
    match outcome {
        StartOutcome::Accepted(run) => ("accepted", run.id.to_string()),
        StartOutcome::Deduplicated(run) => ("deduplicated", run.id.to_string()),
        StartOutcome::ScopeBusy { holder } => ("busy", holder.id.to_string()),
        StartOutcome::Blocked(run) => panic!("blocked: {:?}", run.context.reason_code),
    }
}

async fn number(raw: &sea_orm::DatabaseConnection, sql: &str) -> i64 {
    use sea_orm::ConnectionTrait as _;
    let statement = sea_orm::Statement::from_string(raw.get_database_backend(), sql);
    let row = raw.query_one_raw(statement).await.expect("runs").expect("a row");
    row.try_get_by_index(0).expect("a number")
}

#[test]
fn postgres_two_processes() {
    integration_tests::database::run(Engine::Postgres, |database| async move {
        let key = database.folder.path().join("tokenkey");
        let secret = server::files::random_key();
        server::files::create_private(&key, server::files::encode_key(&secret).as_bytes()).expect("written");
        let binary = Path::new(env!("CARGO_BIN_EXE_tenantatlas-under-test"));
        let settings = [
            ("ACCESS__LOCAL_KEY_FILE", key.to_str().expect("text")),
            ("TELEMETRY__LOG", "warn"),
            ("HTTP__THREADS", "1"),
        ];
        let processes: Vec<_> = (0..2)
            .map(|_| Process::start(binary, &["serve", "--no-worker"], &database, &settings))
            .collect();
        let token = api::auth::LocalIssuer::from_key(secret).mint(
            "owner",
            None,
            chrono::TimeDelta::hours(1),
            SystemClock.now(),
        );
        let clients: Vec<_> = processes
            .iter()
            .map(|process| {
                Arc::new(
                    Client::new(
                        Url::parse(&process.base_url()).expect("an address"),
                        Some(token.clone()),
                    )
                    .expect("a client"),
                )
            })
            .collect();
        let (base, environment) = prepare(&clients[0]).await;
        let raw = database.raw().await;
        for round in 0..ROUNDS {
            let starters = (0..STARTERS).map(|starter| {
                // Pairs of starters with the same operation go to different processes.
                let client = Arc::clone(&clients[(starter / 3) % 2]);
                let (path, environment) = (format!("{base}/operation-runs"), environment.clone());
                tokio::spawn(async move {
                    start_over_http(&client, &path, &environment, operation(starter)).await
                })
            });
            let heard: Vec<Heard> = join_all(starters)
                .await
                .into_iter()
                .map(|heard| heard.expect("joins"))
                .collect();
            assert_eq!(
                number(&raw, ACTIVE).await,
                1,
                "round {round}: exactly one active run"
            );
            let winner = &heard
                .iter()
                .find(|(what, _)| *what == "accepted")
                .expect("a winner")
                .1;
            judge(round, &heard, winner);
            let canceled = clients[round % 2]
                .post(&format!("{base}/operation-runs/{winner}/cancel"), &Value::Null)
                .await;
            assert!(canceled.expect("an answer").status < 300);
        }
    });
}

async fn prepare(client: &Client) -> (String, String) {
    let body = json!({ "display_name": "Race", "slug": "race" });
    let workspace =
        integration_tests::app::created(&client.post("/api/v1/workspaces", &body).await.expect("an answer"));
    let base = format!("/api/v1/workspaces/{workspace}");
    let created = client
        .post(&format!("{base}/environments"), &body)
        .await
        .expect("an answer");
    let environment = integration_tests::app::created(&created);
    let customer = integration_tests::Customer::new();
    let body = connection_body(&environment, &customer, &customer.secret);
    integration_tests::app::created(
        &client
            .post(&format!("{base}/connections"), &body)
            .await
            .expect("an answer"),
    );
    (base, environment)
}

async fn start_over_http(client: &Client, path: &str, environment: &str, operation: OperationType) -> Heard {
    let body = json!({ "operation_type": operation.as_str(), "environment_id": environment });
    let answer = client.post(path, &body).await.expect("an answer");
    match (answer.status, answer.text("/disposition")) {
        (202, "accepted") => ("accepted", answer.text("/run/id").to_owned()),
        (202, "deduplicated") => ("deduplicated", answer.text("/run/id").to_owned()),
        (409, _) if answer.text("/code") == "scope_busy" => {
            ("busy", answer.text("/active_run/id").to_owned())
        }
        (status, _) => panic!("{status}: {}", answer.body),
    }
}

/// While runs come and go on one scope, no look ever sees two of them active, and no start is
/// left without an answer.
mod churn {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    integration_tests::on_both_engines!(never_two_at_once);

    async fn never_two_at_once(database: TestDatabase) {
        let app = TestApp::start(database).await;
        let owner = app.client("owner");
        let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
        let raw = app.database.raw().await;
        let done = AtomicBool::new(false);
        let starters = async {
            for _ in 0..40 {
                let starts = OperationType::STARTABLE.map(|operation| home.start(&owner, operation.as_str()));
                for answer in join_all(starts).await {
                    assert!(
                        matches!(answer.status, 202 | 409),
                        "{} {}",
                        answer.status,
                        answer.body
                    );
                    if answer.text("/disposition") == "accepted" {
                        let path = format!("{}/operation-runs/{}/cancel", home.base, answer.text("/run/id"));
                        assert!(owner.post(&path, &Value::Null).await.expect("an answer").status < 300);
                    }
                }
            }
            done.store(true, Ordering::Relaxed);
        };
        let watcher = async {
            while !done.load(Ordering::Relaxed) {
                assert!(number(&raw, ACTIVE).await <= 1, "two active runs on one scope");
                tokio::task::yield_now().await;
            }
        };
        futures::join!(starters, watcher);
        assert_invariants(&app.database).await;
        app.stop().await;
    }
}

/// The index is what decides, and nothing else: without it the gate lets nobody in, because its
/// one statement names the index and has no way around it.
#[test]
fn without_its_index_the_gate_lets_nobody_in() {
    integration_tests::database::run(Engine::Sqlite, |database| async {
        let app = TestApp::start(database).await;
        let owner = app.client("owner");
        let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
        app.database
            .tamper("DROP INDEX operation_runs_active_scope_unique")
            .await;
        let first = home.start(&owner, "inventory.sync").await;
        assert_eq!(
            first.status, 500,
            "the gate has no way around its index: {}",
            first.body
        );
        assert_eq!(app.database.number(ACTIVE).await, 0);
        app.stop().await;
    });
}
