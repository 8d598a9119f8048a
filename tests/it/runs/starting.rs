//! Starts: a forecast says what a start says, a run keeps its connection, a retry names what it tries
//! again.

use integration_tests::{TestDatabase, app::connection_body, on_both_engines};
use serde_json::{Value, json};

use super::kit::{Kit, text};

on_both_engines!(
    a_forecast_and_a_start_say_the_same,
    a_run_keeps_the_connection_with_which_it_began,
    a_retry_names_a_run_that_is_over_where_it_was,
    a_filter_that_makes_no_sense_is_refused_by_its_name,
);

/// What was said, in one word: a disposition or a code.
fn word(reply: &Value) -> String {
    let said = reply
        .get("would")
        .or_else(|| reply.get("disposition"))
        .or_else(|| reply.get("code"));
    text(said.unwrap_or_else(|| panic!("{reply}")))
}

async fn a_forecast_and_a_start_say_the_same(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let compare = async |what: &str, body: &Value| {
        let runs = kit.count("operation_runs").await;
        let forecast = kit
            .post("operator", "/operation-runs/preflight", Some(body))
            .await
            .json();
        assert_eq!(
            kit.count("operation_runs").await,
            runs,
            "{what}: a forecast writes nothing"
        );
        let start = kit.post("operator", "/operation-runs", Some(body)).await.json();
        assert_eq!(word(&forecast), word(&start), "{what}: {forecast} {start}");
        if let Some(active) = forecast.get("active_run").filter(|run| run.is_object()) {
            let named = start
                .get("active_run")
                .or_else(|| start.get("run"))
                .expect("a run");
            assert_eq!(active["id"], named["id"], "{what}");
        }
        for member in ["reason_code", "next_steps"] {
            if let (Some(forecast), Some(start)) = (forecast.get(member), start.get(member)) {
                assert_eq!(forecast, start, "{what}");
            }
        }
        assert_eq!(
            forecast.get("errors"),
            start.get("errors").filter(|_| forecast.get("errors").is_some())
        );
        word(&start)
    };
    let mut said = Vec::new();
    let with = |name: &str, value: Value| {
        let mut body = kit.start_body("inventory.sync");
        body[name] = value;
        body
    };
    let nowhere = json!("0190b3e4-0000-7000-8000-000000000001");
    for (what, body) in [
        ("new", kit.start_body("inventory.sync")),
        ("the same", kit.start_body("inventory.sync")),
        ("another", kit.start_body("compliance.snapshot")),
        ("unknown type", with("operation_type", json!("no.such"))),
        ("unknown input", with("inputs", json!({ "depth": 1 }))),
        ("unknown environment", with("environment_id", nowhere.clone())),
        ("unknown connection", with("connection_id", nowhere.clone())),
        ("unknown retry_of", with("retry_of", nowhere)),
    ] {
        said.push(compare(what, &body).await);
    }
    let disable = format!("/connections/{}/disable", kit.home.connection);
    assert_eq!(kit.post("owner", &disable, None).await.status, 200);
    said.push(compare("disabled", &kit.start_body("inventory.sync")).await);
    let expected = [
        "accepted",
        "deduplicated",
        "scope_busy",
        "unknown_operation_type",
        "invalid_value",
        "invalid_reference",
        "invalid_reference",
        "invalid_reference",
        "operation_blocked",
    ];
    assert_eq!(said, expected);
    kit.app.stop().await;
}

async fn a_run_keeps_the_connection_with_which_it_began(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let run = kit.started("inventory.sync").await;
    let customer = &kit.app.fabrikam;
    let body = connection_body(&kit.home.environment, customer, &customer.secret);
    let other = text(&kit.post("owner", "/connections", Some(&body)).await.json()["id"]);
    let switch = kit.request("owner", &format!("/connections/{other}/make-default"), None);
    assert_eq!(kit.wire.send(&switch.with("if-match", "*")).await.status, 200);
    let claimed = kit.claimed().await;
    assert_eq!(claimed.run.id.to_string(), run);
    let target = claimed.run.target().expect("a target");
    assert_eq!(target.connection_id.to_string(), kit.home.connection);
    let next = kit.started("inventory.sync").await;
    let next = kit.get("owner", &format!("/operation-runs/{next}")).await.json();
    assert_eq!(next["connection_id"], other.as_str());
    kit.app.stop().await;
}

async fn a_retry_names_a_run_that_is_over_where_it_was(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let first = kit.started("inventory.sync").await;
    let mut body = kit.start_body("inventory.sync");
    body["retry_of"] = json!(first);
    let active = kit.post("owner", "/operation-runs", Some(&body)).await;
    assert_eq!((active.status, active.code().as_str()), (422, "invalid_value"));
    assert_eq!(
        active.json()["errors"],
        json!([{ "pointer": "/retry_of", "code": "not_completed" }])
    );
    kit.post("owner", &format!("/operation-runs/{first}/cancel"), None)
        .await;
    let second = body.clone();
    let retried = kit.post("owner", "/operation-runs", Some(&second)).await.json();
    assert_eq!(retried["disposition"], "accepted", "{retried}");
    assert_eq!(retried["run"]["retry_of"], first.as_str());
    let id = text(&retried["run"]["id"]);
    let read = kit.get("owner", &format!("/operation-runs/{id}")).await.json();
    assert_eq!(read["retry_of"], first.as_str());
    // The identity of an operation is not changed by what it tries again.
    let same = kit
        .post(
            "owner",
            "/operation-runs",
            Some(&kit.start_body("inventory.sync")),
        )
        .await
        .json();
    assert_eq!(
        (&same["disposition"], &same["run"]["id"]),
        (&json!("deduplicated"), &json!(id))
    );

    let elsewhere = kit
        .post("owner", "/environments", Some(&super::kit::named()))
        .await
        .json();
    let customer = &kit.app.fabrikam;
    let connection = connection_body(&text(&elsewhere["id"]), customer, &customer.secret);
    assert_eq!(
        kit.post("owner", "/connections", Some(&connection)).await.status,
        201
    );
    body["environment_id"] = elsewhere["id"].clone();
    let foreign = kit.post("owner", "/operation-runs", Some(&body)).await;
    assert_eq!(foreign.code(), "invalid_reference", "{}", foreign.text());
    assert_eq!(foreign.json()["errors"][0]["pointer"], "/retry_of");
    kit.app.stop().await;
}

async fn a_filter_that_makes_no_sense_is_refused_by_its_name(database: TestDatabase) {
    let kit = Kit::new(database).await;
    let run = kit.started("inventory.sync").await;
    let list = async |query: &str| kit.get("readonly", &format!("/operation-runs?{query}")).await;
    for name in [
        "status",
        "outcome",
        "operation_type",
        "environment_id",
        "connection_id",
        "initiator",
        "trigger",
        "freshness",
        "parent_run_id",
        "schedule_id",
        "created_after",
        "created_before",
    ] {
        for value in ["", "no-such-word", "pending", "17"] {
            let reply = list(&format!("{name}={value}")).await;
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (400, "invalid_query"),
                "{name}={value}"
            );
            assert_eq!(reply.json()["parameter"], name, "{value}");
        }
    }
    let found = async |query: &str| {
        let reply = list(query).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        reply.json()["items"].as_array().expect("a list").len()
    };
    let owner =
        text(&kit.get("owner", &format!("/operation-runs/{run}")).await.json()["initiator"]["principal_id"]);
    for (query, count) in [
        ("status=active", 1),
        ("status=queued", 1),
        ("status=terminal", 0),
        ("status=completed", 0),
        ("outcome=failed", 0),
        ("trigger=api", 1),
        ("trigger=schedule", 0),
        ("freshness=fresh_active", 1),
        ("freshness=likely_stale", 0),
        ("created_after=2020-01-01T00:00:00Z", 1),
        ("created_before=2020-01-01T00:00:00Z", 0),
        ("parent_run_id=0190b3e4-0000-7000-8000-000000000001", 0),
        ("schedule_id=0190b3e4-0000-7000-8000-000000000001", 0),
        (&format!("initiator={owner}&status=active&trigger=api"), 1),
        (&format!("initiator={run}"), 0),
    ] {
        assert_eq!(found(query).await, count, "{query}");
    }
    // A cursor serves the list with the same filters, each of them.
    kit.post("owner", &format!("/operation-runs/{run}/cancel"), None)
        .await;
    kit.started("inventory.sync").await;
    let cursor = text(&list("limit=1&trigger=api").await.json()["next_cursor"]);
    assert_eq!(found(&format!("limit=1&trigger=api&cursor={cursor}")).await, 1);
    for other in [
        "",
        "trigger=bulk&",
        "trigger=api&status=active&",
        "trigger=api&created_after=2020-01-01T00:00:00Z&",
    ] {
        let reply = list(&format!("{other}limit=1&cursor={cursor}")).await;
        assert_eq!(reply.code(), "cursor_invalid", "{other}");
    }
    kit.app.stop().await;
}
