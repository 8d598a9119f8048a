//! Going on where an earlier attempt stopped, and what is not gone by.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use inventory::{InventoryExecutor as _, ItemKind, SectionOutcome};
use kernel::Clock as _;
use provider_core::{ProviderFailure, ReasonCode, ResumePoint, Retry};
use serde_json::{Value, json};

use crate::testing::{
    Set, section,
    service::{Heard, Reply},
};

const PAGES: u64 = 6;

fn number(heard: &Heard) -> u64 {
    heard
        .path
        .rsplit("skiptoken=")
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1)
}

/// Groups in pages of two; the page with the number in `stop` is throttled for an hour.
async fn groups(stop: &Arc<AtomicU64>) -> Set {
    let stop = Arc::clone(stop);
    Set::new(move |heard, own, _| {
        let page = number(heard);
        if heard.path.starts_with("/v1.0/organization") {
            return Reply::page([99], None);
        }
        if !heard.path.starts_with("/v1.0/groups?") {
            return Reply::empty(heard);
        }
        if page == stop.load(Ordering::SeqCst) {
            return Reply::error(429, "TooManyRequests").with("retry-after", &300);
        }
        let next = format!("{own}v1.0/groups?$skiptoken={}", page + 1);
        Reply::page([2 * page, 2 * page + 1], (page < PAGES).then_some(next))
    })
    .await
}

fn handed_back() -> ProviderFailure {
    ProviderFailure::Provider {
        reason: ReasonCode::ProviderThrottled,
        retry: Retry::After(Duration::from_mins(5)),
    }
}

/// A run whose first attempt stopped before page 4 of the groups.
async fn stopped() -> Set {
    let stop = Arc::new(AtomicU64::new(4));
    let set = groups(&stop).await;
    let (outcome, items) = set.attempt().await;
    assert_eq!(outcome, Err(handed_back()));
    assert_eq!(items.len(), 1 + 6);
    stop.store(0, Ordering::SeqCst);
    set
}

/// Changes what the run keeps.
fn edit(set: &Set, change: impl FnOnce(&mut Value)) {
    let mut point = set.run.point.lock().expect("no holder panics");
    let kept = point.as_mut().expect("was written");
    let mut value = serde_json::from_str(&kept.text).expect("JSON");
    change(&mut value);
    kept.text = value.to_string();
}

/// Which pages of the groups were asked for by the second attempt.
async fn second(set: &Set) -> Vec<u64> {
    let before = set.service.heard("/groups?").len();
    let (collection, _) = set.attempt().await;
    let collection = collection.expect("is read");
    assert_eq!(
        section(&collection, ItemKind::Group),
        (SectionOutcome::Complete, 2 * PAGES)
    );
    assert_eq!(
        section(&collection, ItemKind::Organization),
        (SectionOutcome::Complete, 1)
    );
    set.service.heard("/groups?")[before..]
        .iter()
        .map(number)
        .collect()
}

const ALL: [u64; 6] = [1, 2, 3, 4, 5, 6];

#[tokio::test]
async fn the_next_attempt_goes_on_at_the_link_and_reads_nothing_twice() {
    let set = stopped().await;
    set.clock.advance(TimeDelta::minutes(5));
    assert_eq!(second(&set).await, [4, 5, 6]);
    for part in [
        "/organization",
        "/users?",
        "/users/$count",
        "/managedDeviceOverview",
    ] {
        assert_eq!(set.service.heard(part).len(), 1, "{part}");
    }
}

#[tokio::test]
async fn a_link_that_is_too_old_begins_that_list_anew_and_no_other() {
    let set = stopped().await;
    set.clock.advance(TimeDelta::minutes(16));
    assert_eq!(second(&set).await, ALL);
    assert_eq!(set.service.heard("/organization").len(), 1);
}

#[tokio::test]
async fn a_link_that_the_service_has_forgotten_begins_that_list_anew() {
    let dead = Arc::new(AtomicU64::new(0));
    let refuse = Arc::clone(&dead);
    let set = Set::new(move |heard, own, _| {
        let page = number(heard);
        if !heard.path.starts_with("/v1.0/groups?") {
            return Reply::empty(heard);
        }
        match (page, refuse.load(Ordering::SeqCst)) {
            (3, 0) => return Reply::error(429, "TooManyRequests").with("retry-after", &300),
            (3, 1) => {
                refuse.store(2, Ordering::SeqCst);
                return Reply::error(400, "Directory_ExpiredPageToken");
            }
            _ => {}
        }
        Reply::page(
            [page],
            (page < 3).then_some(format!("{own}v1.0/groups?$skiptoken={}", page + 1)),
        )
    })
    .await;
    assert_eq!(set.attempt().await.0, Err(handed_back()));
    dead.store(1, Ordering::SeqCst);
    set.clock.advance(TimeDelta::minutes(5));
    let collection = set.attempt().await.0.expect("is read");
    assert_eq!(
        section(&collection, ItemKind::Group),
        (SectionOutcome::Complete, 3),
        "nothing counts twice"
    );
    let asked: Vec<_> = set.service.heard("/groups?").iter().map(number).collect();
    assert_eq!(asked, [1, 2, 3, 3, 1, 2, 3]);
}

#[tokio::test]
async fn a_point_that_leads_elsewhere_is_not_followed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let links = [
        format!("http://127.0.0.1:{port}/v1.0/groups?$skiptoken=4"),
        "http://graph.example/v1.0/groups?$skiptoken=4".to_owned(),
        "x".repeat(20 << 10),
    ];
    for link in links {
        let set = stopped().await;
        set.clock.advance(TimeDelta::minutes(5));
        edit(&set, |point| point["current"]["link"] = json!(link));
        assert_eq!(second(&set).await, ALL);
    }
    let own = stopped().await;
    own.clock.advance(TimeDelta::minutes(5));
    let address = own.service.address.clone();
    edit(&own, |point| {
        point["current"]["link"] = json!(format!("{address}v1.0/users?$skiptoken=4"));
    });
    assert_eq!(second(&own).await, ALL, "not another call either");
    let accepted =
        std::future::poll_fn(|context| std::task::Poll::Ready(listener.poll_accept(context))).await;
    assert!(accepted.is_pending());
}

#[tokio::test]
async fn a_point_of_another_version_or_no_point_begins_anew() {
    let texts = ["", "{}", "garbage", "{\"version\":1}", "\u{0}", "null"];
    for text in texts {
        let set = stopped().await;
        set.clock.advance(TimeDelta::minutes(5));
        *set.run.point.lock().expect("no holder panics") = Some(ResumePoint {
            text: text.to_owned(),
            written_at: set.clock.now(),
        });
        assert_eq!(second(&set).await, ALL, "{text:?}");
        assert_eq!(set.service.heard("/organization").len(), 2);
    }
    let set = stopped().await;
    set.clock.advance(TimeDelta::minutes(5));
    edit(&set, |point| point["version"] = json!(2));
    assert_eq!(second(&set).await, ALL);
}

#[tokio::test]
async fn no_secret_stands_in_a_point() {
    let set = stopped().await;
    let point = set
        .run
        .point
        .lock()
        .expect("no holder panics")
        .clone()
        .expect("was written");
    let bearer = set.service.heard("/groups?")[0].headers["authorization"].clone();
    let token = bearer.strip_prefix("Bearer ").expect("a bearer").to_owned();
    for secret in [token.as_str(), crate::testing::SECRET] {
        assert!(!point.text.contains(secret));
    }
    assert!(point.text.len() < 2_000, "{}", point.text.len());
}

#[tokio::test]
async fn a_measurement_goes_on_with_its_sums() {
    let stop = Arc::new(AtomicU64::new(2));
    let held = Arc::clone(&stop);
    let set = Set::new(move |heard, own, _| {
        let page = number(heard);
        if !heard.path.contains("/managedDevices?") {
            return Reply::empty(heard);
        }
        if page == held.load(Ordering::SeqCst) {
            return Reply::error(429, "TooManyRequests").with("retry-after", &300);
        }
        let row = |id: u64| json!({ "id": id.to_string(), "complianceState": "compliant", "isEncrypted": id.is_multiple_of(2) });
        let mut body = json!({ "value": [row(page), row(page + 10)] });
        if page < 4 {
            let next = format!("{own}v1.0/deviceManagement/managedDevices?$skiptoken={}", page + 1);
            body["@odata.nextLink"] = json!(next);
        }
        Reply::json(200, &body)
    })
    .await;
    assert_eq!(
        set.provider.measure(&set.access, &set.run).await,
        Err(handed_back())
    );
    stop.store(3, Ordering::SeqCst);
    set.clock.advance(TimeDelta::minutes(5));
    assert_eq!(
        set.provider.measure(&set.access, &set.run).await,
        Err(handed_back())
    );
    stop.store(0, Ordering::SeqCst);
    set.clock.advance(TimeDelta::minutes(5));
    let measurement = set
        .provider
        .measure(&set.access, &set.run)
        .await
        .expect("is measured");
    let counts: Vec<_> = measurement.controls[..2]
        .iter()
        .map(|control| (control.assessed, control.compliant))
        .collect();
    assert_eq!(counts, [(8, 8), (8, 4)]);
    let asked: Vec<_> = set.service.heard("/managedDevices?").iter().map(number).collect();
    assert_eq!(asked, [1, 2, 2, 3, 3, 4]);
}
