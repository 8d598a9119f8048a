//! The calendar of a workspace: what ends first stands first, what nobody knows stands last, and
//! the installation's own clients stand beside it.

use chrono::{SecondsFormat, TimeDelta};
use integration_tests::{TestDatabase, on_both_engines};
use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds};
use serde_json::{Value, json};

use super::kit::{Life, in_hours};

on_both_engines!(what_ends_first_stands_first_and_the_unknown_last);

/// In so many days and an hour, so that the days that are left are whole.
fn days(days: i64) -> TimeDelta {
    TimeDelta::days(days) + TimeDelta::hours(1)
}

async fn what_ends_first_stands_first_and_the_unknown_last(database: TestDatabase) {
    let life = Life::begin_with(database, |setup| {
        setup.platform[0].expires_at = Some(SystemClock.now() + days(10));
    })
    .await;
    for left in [400, 3, 29, 31] {
        let end = SystemClock.now() + days(left);
        let body = json!({
            "display_name": format!("{left} days"),
            "scope_identifier": SystemIds.next_uuid(),
            "credential": {
                "kind": "client_secret", "client_identifier": SystemIds.next_uuid(), "secret": "a-secret",
                "expires_at": end.to_rfc3339_opts(SecondsFormat::Secs, true),
            },
        });
        let created = life.connect(body).await;
        assert_eq!(created.status, 201, "{}", created.body);
        if left == 400 {
            // It ended the day before yesterday.
            let id = life.uuid(created.text("/id"));
            let over = in_hours(-47);
            life.tamper(&format!(
                "UPDATE provider_credentials SET expires_at = {over} WHERE connection_id = {id}"
            ))
            .await;
        }
    }
    let bare = json!({ "display_name": "bare", "scope_identifier": SystemIds.next_uuid() });
    assert_eq!(life.connect(bare).await.status, 201);

    let calendar = life.get("/expiry-calendar").await.body;
    let items = calendar["items"].as_array().expect("a page");
    let told = |item: &Value| {
        (
            item["connection_name"].as_str().unwrap_or_default().to_owned(),
            item["days_left"].as_i64(),
            item["credential"]["state"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    let all: Vec<_> = items.iter().map(told).collect();
    let own = |name: &str, left: Option<i64>, state: &str| (name.to_owned(), left, state.to_owned());
    assert_eq!(
        all,
        [
            own("400 days", Some(-2), "expired"),
            own("3 days", Some(3), "expiring"),
            own("29 days", Some(29), "expiring"),
            own("31 days", Some(31), "valid"),
            own("A connection", None, "valid"),
        ],
        "{calendar}"
    );
    assert!(items.iter().all(|item| item["stage"] == "current"));
    let platform = &calendar["platform"];
    assert_eq!(platform.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (
            &platform[0]["days_left"],
            &platform[0]["realm"],
            &platform[0]["provider"]
        ),
        (&json!(10), &json!("global"), &json!("microsoft")),
        "{calendar}"
    );
    assert_eq!(platform[0]["credential"]["state"], "expiring");

    let (mut paged, mut tail) = (Vec::new(), "/expiry-calendar?limit=2".to_owned());
    for _ in 0..4 {
        let page = life.get(&tail).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert_eq!(page.body["platform"], *platform, "the same on each page");
        paged.extend(page.body["items"].as_array().expect("a page").iter().map(told));
        match page.body["next_cursor"].as_str() {
            Some(cursor) => tail = format!("/expiry-calendar?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(paged, all, "page by page it is the same list");
    let cursor = tail.rsplit('=').next().expect("a cursor");
    let elsewhere = life.get(&format!("/connections?limit=2&cursor={cursor}")).await;
    assert_eq!(
        (elsewhere.status, elsewhere.text("/code")),
        (400, "cursor_invalid")
    );
    life.end().await;
}
