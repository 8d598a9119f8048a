//! `tenantatlas doctor` as an operator runs it: it names what is stuck and why, exits as it says, and tells
//! nothing that it should not.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Output, Stdio},
};

use integration_tests::{Engine, Home, TestApp, TestDatabase, on_both_engines};
use serde_json::Value;

on_both_engines!(
    a_healthy_installation_needs_nothing,
    what_is_stuck_is_named_with_its_reason,
    what_explains_itself_is_a_note,
    what_follows_from_events_and_turns_is_looked_at,
    broken_promises_are_told_on_demand,
    what_cannot_be_opened_is_said_by_the_status,
);

const MINUTES: i64 = 600_000_000;

fn command(database: &TestDatabase, arguments: &[&str]) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_tenantatlas-under-test")));
    command
        .arg("doctor")
        .args(arguments)
        .env("TENANTATLAS__DATABASE__URL", &database.url)
        .env("TENANTATLAS__KEYS__RING_FILE", database.ring_file())
        .stdin(Stdio::null());
    command
}

/// The status, and what was said to both outputs.
fn said(mut command: Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

/// The status, and the JSON.
fn told(database: &TestDatabase, arguments: &[&str]) -> (Option<i32>, Value) {
    let (status, out, error) = said(command(database, &[arguments, &["--json"]].concat()));
    (
        status,
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}")),
    )
}

fn codes(told: &Value) -> BTreeSet<&str> {
    let findings = told["findings"].as_array().expect("a list");
    findings
        .iter()
        .map(|finding| finding["code"].as_str().expect("a code"))
        .collect()
}

/// A run that waits, everything published.
async fn scene(database: TestDatabase) -> (TestApp, Home, String) {
    let app = TestApp::start(database).await;
    let owner = app.client("owner");
    let home = app.home(&owner, &app.contoso, &app.contoso.secret).await;
    let run = home
        .start(&owner, "inventory.sync")
        .await
        .text("/run/id")
        .to_owned();
    app.settle().await;
    (app, home, run)
}

async fn a_healthy_installation_needs_nothing(database: TestDatabase) {
    let (app, ..) = scene(database).await;
    app.drain().await;
    app.settle().await;
    let (status, out, _) = said(command(&app.database, &[]));
    assert_eq!((status, out.as_str()), (Some(0), "nothing needs attention\n"));
    let (status, told) = told(&app.database, &["--invariants"]);
    assert_eq!(
        (status, &told["healthy"], codes(&told).len()),
        (Some(0), &Value::Bool(true), 0),
        "{told}"
    );
    assert!(told["invariants"]["checks"].as_u64().expect("a number") > 10);
    app.stop().await;
}

async fn what_is_stuck_is_named_with_its_reason(database: TestDatabase) {
    let cases = [
        ("UPDATE operation_runs SET created_at = created_at - {ago}", "queued_no_worker"),
        ("UPDATE operation_runs SET operation_type = 'of.tomorrow'", "queued_unknown_type"),
        (
            "UPDATE operation_runs SET status = 'running', attempt = 1, started_at = created_at, lease_owner = 'host/7', lease_until = created_at - {ago}",
            "run_likely_stale",
        ),
        (
            "UPDATE operation_runs SET status = 'running', attempt = 1, started_at = created_at, lease_owner = 'host/7',
                lease_until = created_at + {ago}, cancel_requested_at = created_at - {ago}",
            "cancel_not_heard",
        ),
        (
            "UPDATE outbox_events SET sequence = NULL, created_at = created_at - {ago}; UPDATE event_streams SET last_sequence = 0",
            "events_without_number",
        ),
        ("UPDATE provider_credentials SET undecryptable = true", "credential_undecryptable"),
        ("UPDATE provider_credentials SET expires_at = created_at - {ago}", "credential_expired"),
        ("UPDATE key_ring SET check_value = {bytes}", "key_differs"),
        ("DELETE FROM seaql_migrations WHERE version = (SELECT max(version) FROM seaql_migrations)", "schema_does_not_fit"),
    ];
    for (damage, code) in cases {
        let Some(own) = TestDatabase::create(database.engine, true).await else {
            return;
        };
        let bytes = if own.engine == Engine::Sqlite {
            "x'00'"
        } else {
            "'\\x00'::bytea"
        };
        let (mut app, _, run) = scene(own).await;
        app.stop_serving().await;
        let damage = damage
            .replace("{ago}", &MINUTES.to_string())
            .replace("{bytes}", bytes);
        app.database.tamper(&damage).await;
        let (status, told) = told(&app.database, &[]);
        assert_eq!(
            (status, codes(&told)),
            (Some(65), BTreeSet::from([code])),
            "{damage}: {told}"
        );
        let finding = &told["findings"][0];
        assert_eq!(finding["severity"], "attention");
        for words in ["why", "next_step"] {
            assert!(
                finding[words].as_str().is_some_and(|words| !words.is_empty()),
                "{told}"
            );
        }
        if code.starts_with("queued") || code.starts_with("run") {
            assert_eq!(finding["subject"], run.as_str());
        }
        let (_, out, error) = said(command(&app.database, &[]));
        assert!(
            out.contains(code) && out.contains("next: ") && error.contains("1 things"),
            "{out}{error}"
        );
        let tenant = app.contoso.tenant_id.to_string();
        for private in [app.contoso.secret.as_str(), tenant.as_str(), "A connection"] {
            assert!(!told.to_string().contains(private), "{told}");
        }
        app.stop().await;
    }
}

async fn what_explains_itself_is_a_note(database: TestDatabase) {
    let cases = [
        (
            "UPDATE operation_runs SET not_before = created_at + {ago}, waiting_reason = 'provider_throttled', waiting_since = created_at",
            "queued_until_later",
        ),
        (
            "UPDATE provider_connections SET verification_state = 'blocked', verification_reason = 'provider_consent_missing'",
            "connection_blocked",
        ),
        ("UPDATE provider_credentials SET expires_at = created_at + {ago}", "credential_expiring"),
        (
            "UPDATE operation_runs SET status = 'running', attempt = 1, started_at = created_at - 60000000000,
                lease_owner = 'host/7', lease_until = created_at + {ago}",
            "scope_held_long",
        ),
        (
            "INSERT INTO housekeeping_turns (workspace_id, next_at) SELECT id, 1 FROM workspaces",
            "housekeeping_late",
        ),
    ];
    for (change, code) in cases {
        let Some(own) = TestDatabase::create(database.engine, true).await else {
            return;
        };
        let (app, ..) = scene(own).await;
        app.database
            .tamper(&change.replace("{ago}", &MINUTES.to_string()))
            .await;
        let (status, told) = told(&app.database, &[]);
        assert_eq!(
            (status, codes(&told)),
            (Some(0), BTreeSet::from([code])),
            "{change}: {told}"
        );
        assert_eq!(
            (&told["findings"][0]["severity"], &told["healthy"]),
            (&"note".into(), &true.into())
        );
        app.stop().await;
    }
}

/// A webhook of each workspace, with these further columns and values.
fn webhook(columns: &str, values: &str) -> String {
    format!(
        "INSERT INTO webhook_endpoints (workspace_id, id, url, event_types, exhausted_in_a_row, version, created_at, updated_at{columns})
        SELECT id, id, 'https://hooks.example.com/', '[]', 0, 1, 1, 1{values} FROM workspaces"
    )
}

/// A delivery to it that is due for ten minutes, held until `lease`.
fn delivery(id: &str, lease: &str) -> String {
    format!(
        "INSERT INTO webhook_deliveries (workspace_id, id, webhook_id, cycle, message_id, event_type, state, attempt, made,
            next_attempt_at, created_at, lease_until)
        SELECT workspace_id, {id}, workspace_id, 'verification', 'a', 'b', 'pending', 1, 0, created_at - {{ago}}, 1, {lease}
        FROM operation_runs"
    )
}

/// A schedule in this state, with these further columns and values.
fn schedule(operation: &str, state: &str, columns: &str, values: &str) -> String {
    format!(
        "INSERT INTO schedules (workspace_id, id, display_name, operation_type, inputs, cron, time_zone, jitter_seconds,
            state, responsible_principal_id, responsible_label, consecutive_skips, version, created_at, updated_at{columns})
        SELECT workspace_id, id, 'A name', '{operation}', '{{}}', '0 3 * * *', 'Etc/UTC', 0, '{state}', principal_id,
            'A label', 0, 1, 1, 1{values} FROM members"
    )
}

async fn what_follows_from_events_and_turns_is_looked_at(database: TestDatabase) {
    let disabled = |reason| webhook(", disabled_reason, disabled_at", &format!(", '{reason}', 1"));
    let next = ", next_tick_at, next_due_at";
    let due = || delivery("id", "NULL");
    let cases = [
        (disabled("receiver_gone"), "webhook_receiver_gone", "note"),
        (disabled("deliveries_exhausted"), "webhook_disabled", "attention"),
        (
            format!("{}; {}", webhook("", ""), due()),
            "deliveries_overdue",
            "attention",
        ),
        (
            format!(
                "{}; {}; UPDATE webhook_endpoints SET paused_until = (SELECT created_at + {{ago}} FROM operation_runs)",
                webhook("", ""),
                due()
            ),
            "deliveries_paused",
            "note",
        ),
        (
            format!(
                "{}; {}; {}",
                webhook("", ""),
                due(),
                delivery("workspace_id", "created_at + {ago}")
            ),
            "deliveries_behind",
            "note",
        ),
        (
            schedule("inventory.sync", "active", next, ", 1, 1"),
            "schedule_overdue",
            "attention",
        ),
        (
            schedule("of.tomorrow", "active", next, ", 1, 1"),
            "schedule_unknown_type",
            "attention",
        ),
        (
            schedule(
                "inventory.sync",
                "paused",
                ", paused_reason",
                ", 'initiator_not_entitled'",
            ),
            "schedule_paused",
            "attention",
        ),
    ];
    // What a person did needs nobody.
    let quiet = [
        disabled("by_request"),
        schedule("inventory.sync", "paused", "", ""),
    ];
    let quiet = quiet.into_iter().map(|change| (change, "", ""));
    for (change, code, severity) in cases.into_iter().chain(quiet) {
        let Some(own) = TestDatabase::create(database.engine, true).await else {
            return;
        };
        let (app, ..) = scene(own).await;
        app.database
            .tamper(&change.replace("{ago}", &MINUTES.to_string()))
            .await;
        let (status, told) = told(&app.database, &[]);
        let expected: BTreeSet<_> = Some(code).into_iter().filter(|code| !code.is_empty()).collect();
        assert_eq!(codes(&told), expected, "{change}: {told}");
        let attention = severity == "attention";
        assert_eq!(status, Some(if attention { 65 } else { 0 }), "{told}");
        if let Some(finding) = told["findings"].get(0) {
            assert_eq!(finding["severity"], severity, "{told}");
            assert!(
                finding["next_step"]
                    .as_str()
                    .is_some_and(|words| !words.is_empty())
            );
        }
        for private in ["hooks.example.com", "A name", "A label"] {
            assert!(!told.to_string().contains(private), "{told}");
        }
        app.stop().await;
    }
}

async fn broken_promises_are_told_on_demand(database: TestDatabase) {
    let (app, ..) = scene(database).await;
    app.database.tamper("UPDATE members SET role = 'manager'").await;
    assert_eq!(told(&app.database, &[]).0, Some(0), "nobody asked");
    let (status, told) = told(&app.database, &["--invariants"]);
    let broken = &told["invariants"]["violations"][0];
    assert_eq!(
        (status, &broken["invariant"], &broken["check"]),
        (Some(65), &"V13".into(), &"no_owner".into()),
        "{told}"
    );
    let (_, out, _) = said(command(&app.database, &["--invariants"]));
    assert!(out.contains("BROKEN V13 no_owner"), "{out}");
    app.stop().await;
}

async fn what_cannot_be_opened_is_said_by_the_status(database: TestDatabase) {
    let mut no_ring = command(&database, &[]);
    no_ring.env(
        "TENANTATLAS__KEYS__RING_FILE",
        database.folder.path().join("nowhere"),
    );
    assert_eq!(said(no_ring).0, Some(78));
    let mut away = command(&database, &[]);
    let url = "postgres://somebody:hunter2@127.0.0.1:9/nothing";
    let (status, out, error) = said(match database.engine {
        Engine::Postgres => {
            away.env("TENANTATLAS__DATABASE__URL", url);
            away
        }
        Engine::Sqlite => {
            away.env("TENANTATLAS__DATABASE__URL", "sqlite:/nowhere/at/all.sqlite3");
            away
        }
    });
    let expected = if database.engine == Engine::Postgres {
        69
    } else {
        78
    };
    assert_eq!(status, Some(expected), "{out}{error}");
    assert!(!format!("{out}{error}").contains("hunter2"));
}

/// A file that lost a page: nothing else of it is believed.
#[test]
fn a_damaged_file_is_noticed() {
    integration_tests::database::run(Engine::Sqlite, |database| async move {
        let (app, ..) = scene(database).await;
        app.database.tamper("PRAGMA wal_checkpoint(TRUNCATE)").await;
        let path = app
            .database
            .url
            .strip_prefix("sqlite:")
            .expect("a path")
            .to_owned();
        let database = TestDatabase::create(Engine::Sqlite, false)
            .await
            .expect("a folder");
        let copy = database.folder.path().join("test.sqlite3");
        let mut bytes = std::fs::read(path).expect("a file");
        let last = bytes.len() - 4096;
        bytes[last..].fill(0xff);
        std::fs::write(&copy, bytes).expect("written");
        let mut command = command(&app.database, &["--json"]);
        command.env("TENANTATLAS__DATABASE__URL", format!("sqlite:{}", copy.display()));
        let (status, out, error) = said(command);
        assert_eq!(status, Some(65), "{out}{error}");
        assert!(out.contains("file_damaged"), "{out}{error}");
        app.stop().await;
    });
}
