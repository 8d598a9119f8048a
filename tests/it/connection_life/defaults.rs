//! I9: exactly one default connection per environment and provider once there is one.

use std::collections::BTreeMap;

use integration_tests::{TestDatabase, on_both_engines};
use kernel::{IdSource as _, SystemIds};
use reqwest::Method;
use serde_json::{Value, json};

use crate::credential_life::kit::{Life, Untouched, assert_outcome};

on_both_engines!(
    a_connection_is_made_once_for_each_target_of_an_environment,
    i9_the_first_is_the_default_until_another_one_is_made_it,
    i9_twenty_switches_at_once_leave_exactly_one_default,
    i9_two_defaults_are_a_corruption_that_blocks_until_it_is_mended,
);

async fn bare(life: &Life) -> String {
    let made = life
        .connect(json!({ "scope_identifier": SystemIds.next_uuid() }))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.body["is_default"], false, "there is one: {}", made.body);
    made.text("/id").to_owned()
}

async fn defaults(life: &Life) -> Vec<String> {
    let page = life.get("/connections?limit=200").await;
    let items = page.body["items"].as_array().expect("a page").clone();
    let mut items: Vec<_> = items
        .iter()
        .filter(|item| item["is_default"] == true)
        .map(|item| item["id"].as_str().expect("an id").to_owned())
        .collect();
    items.sort();
    items
}

async fn a_connection_is_made_once_for_each_target_of_an_environment(database: TestDatabase) {
    let life = Life::begin(database).await;
    let fabrikam = &life.app.fabrikam;
    let body = json!({
        "display_name": "Fabrikam", "scope_identifier": fabrikam.tenant_id.to_string().to_uppercase(),
        "scope_display_name": "Fabrikam Ltd", "tags": { "tier": "gold", "team/region": "North: all" },
    });
    let made = life.connect(body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let location = made.header("location").expect("an address");
    assert!(location.ends_with(made.text("/id")), "{location}");
    let read = life.view_of(made.text("/id")).await;
    assert_eq!(read.header("etag"), made.header("etag"));
    assert_eq!(read.body, made.body);
    assert_eq!(read.body["tags"], body["tags"]);
    assert_eq!(
        read.text("/target_scope/scope_identifier"),
        fabrikam.tenant_id.to_string(),
        "in its canonical form"
    );
    assert_eq!(read.text("/target_scope/scope_display_name"), "Fabrikam Ltd");
    assert_eq!(read.text("/credential/state"), "missing");
    assert_eq!(read.text("/summary/reason_code"), "provider_credential_missing");

    let untouched = Untouched::since(&life).await;
    for (target, holder) in [
        (fabrikam.tenant_id.to_string(), made.text("/id")),
        (
            life.app.contoso.tenant_id.to_string().to_uppercase(),
            life.home.connection.as_str(),
        ),
    ] {
        for kind in ["dedicated", "platform"] {
            let again = json!({ "scope_identifier": target, "connection_type": kind });
            let refused = life.connect(again).await;
            Untouched::answered(&refused, (409, "duplicate_connection"), ("", ""), &[]);
            assert_eq!(refused.text("/connection_id"), holder, "{}", refused.body);
        }
    }
    let elsewhere =
        json!({ "scope_identifier": fabrikam.tenant_id, "environment_id": SystemIds.next_uuid() });
    Untouched::answered(
        &life.connect(elsewhere).await,
        (422, "invalid_reference"),
        ("/environment_id", "invalid_reference"),
        &[],
    );
    untouched.ends(&life).await;
    // The same target in another environment is another connection, and the default there.
    let environment = life
        .post(
            "/environments",
            &json!({ "display_name": "Test", "slug": "test" }),
        )
        .await;
    let body = json!({ "scope_identifier": fabrikam.tenant_id, "environment_id": environment.text("/id") });
    let other = life.connect(body).await;
    assert_eq!(
        (other.status, &other.body["is_default"]),
        (201, &json!(true)),
        "{}",
        other.body
    );
    life.end().await;
}

async fn i9_the_first_is_the_default_until_another_one_is_made_it(database: TestDatabase) {
    let life = Life::begin(database).await;
    let first = life.home.connection.clone();
    let second = bare(&life).await;
    assert_eq!(defaults(&life).await, [first.as_str()]);
    let path = format!("/connections/{second}/make-default");
    let untouched = Untouched::since(&life).await;
    let blind = life.send(Method::POST, &path, &[], None).await;
    Untouched::answered(&blind, (428, "precondition_required"), ("", ""), &[]);
    let stale = life
        .send(Method::POST, &path, &[("if-match", "\"other-1\"")], None)
        .await;
    Untouched::answered(&stale, (412, "precondition_failed"), ("", ""), &[]);
    untouched.ends(&life).await;

    let queued = life.home.start(&life.owner, "inventory.sync").await;
    assert_eq!(queued.text("/run/connection_id"), first, "{}", queued.body);
    let tag = life
        .view_of(&second)
        .await
        .header("etag")
        .expect("a tag")
        .to_owned();
    let made = life.change_of(&second, Method::POST, "/make-default", None).await;
    assert_eq!(
        (made.status, &made.body["is_default"]),
        (200, &json!(true)),
        "{}",
        made.body
    );
    assert_eq!(defaults(&life).await, [second.as_str()]);
    let late = life.send(Method::POST, &path, &[("if-match", &tag)], None).await;
    assert_eq!((late.status, late.text("/code")), (412, "precondition_failed"));
    let events = life.events("connection.default_switched").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["metadata"]["previous_connection_id"], json!(first));
    let again = life.change_of(&second, Method::POST, "/make-default", None).await;
    assert_eq!((again.status, &again.body), (200, &made.body), "nothing to do");
    assert_eq!(life.events("connection.default_switched").await.len(), 1);

    assert_eq!(life.app.drain().await, 1);
    let run = life.ended(queued.text("/run/id")).await;
    assert_outcome(&run, "succeeded", None);
    assert_eq!(run["connection_id"], json!(first), "a run keeps its connection");
    let next = life.home.start(&life.owner, "inventory.sync").await;
    assert_eq!(next.text("/reason_code"), "provider_credential_missing");
    assert_eq!(next.text("/run/connection_id"), second, "{}", next.body);
    life.end().await;
}

async fn i9_twenty_switches_at_once_leave_exactly_one_default(database: TestDatabase) {
    let life = Life::begin(database).await;
    let mut connections = vec![life.home.connection.clone()];
    for _ in 0..4 {
        connections.push(bare(&life).await);
    }
    let any = [("if-match", "*")];
    let switches = (0..20).map(|turn| {
        let path = format!("/connections/{}/make-default", connections[turn % 5]);
        let life = &life;
        async move { life.send(Method::POST, &path, &any, None).await }
    });
    let answers = futures::future::join_all(switches).await;
    let mut statuses = BTreeMap::<u16, usize>::new();
    for answer in &answers {
        *statuses.entry(answer.status).or_default() += 1;
        assert!(matches!(answer.status, 200 | 503), "{}", answer.body);
        assert!(answer.status == 200 || answer.text("/code") == "try_again");
    }
    assert!(statuses.get(&200).is_some_and(|done| *done >= 10), "{statuses:?}");
    assert_eq!(
        life.number("SELECT count(*) FROM provider_connections WHERE is_default")
            .await,
        1
    );
    // Each switch names the one before, whatever order the events have: followed from the first
    // default, they lead to the one that there is, and use each event up.
    let mut balance = BTreeMap::<String, i32>::new();
    let mut count = |id: &Value, step: i32| {
        *balance.entry(id.as_str().expect("an id").to_owned()).or_default() += step;
    };
    count(&json!(life.home.connection), 1);
    for event in life.events("connection.default_switched").await {
        count(&event["target"]["id"], 1);
        count(&event["metadata"]["previous_connection_id"], -1);
    }
    balance.retain(|_, balance| *balance != 0);
    let there: BTreeMap<_, _> = defaults(&life).await.into_iter().map(|id| (id, 1)).collect();
    assert_eq!(balance, there, "the journal tells how it came to be the default");
    life.end().await;
}

async fn i9_two_defaults_are_a_corruption_that_blocks_until_it_is_mended(database: TestDatabase) {
    let life = Life::begin(database).await;
    let second = bare(&life).await;
    life.app
        .database
        .tamper("DROP INDEX provider_connections_default_unique")
        .await;
    assert_eq!(
        life.tamper("UPDATE provider_connections SET is_default = true")
            .await,
        2
    );
    assert_eq!(defaults(&life).await.len(), 2);
    let blocked = life.home.start(&life.owner, "inventory.sync").await;
    assert_eq!(
        (
            blocked.status,
            blocked.text("/code"),
            blocked.text("/reason_code")
        ),
        (422, "operation_blocked", "provider_connection_invalid"),
        "{}",
        blocked.body
    );
    assert_eq!(
        blocked.body["run"]["connection_id"],
        Value::Null,
        "none is picked"
    );
    assert_eq!(life.app.drain().await, 0);
    assert!(life.control().calls().is_empty(), "nobody called the provider");
    // Named, a connection is not in doubt.
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);

    let mended = life.changed(Method::POST, "/make-default", None).await;
    assert_eq!(mended["is_default"], true);
    assert_eq!(defaults(&life).await, [life.home.connection.as_str()]);
    assert_eq!(life.view_of(&second).await.body["is_default"], false);
    let started = life.home.start(&life.owner, "inventory.sync").await;
    assert_eq!(
        started.text("/run/connection_id"),
        life.home.connection,
        "{}",
        started.body
    );
    life.app.drain().await;
    assert_outcome(&life.ended(started.text("/run/id")).await, "succeeded", None);
    life.end().await;
}
