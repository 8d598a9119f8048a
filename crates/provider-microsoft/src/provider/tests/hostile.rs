//! What a hostile service tries with its links and its rows, and that a second server, to which it
//! points, hears nothing.

use inventory::{ItemKind, SectionOutcome};
use provider_core::ReasonCode;
use serde_json::json;
use tokio::net::TcpListener;

use crate::testing::{
    Set, section,
    service::{Heard, Reply},
};

const INVALID: ReasonCode = ReasonCode::ProviderResponseInvalid;

/// A server that nobody should talk to.
struct Trap {
    listener: TcpListener,
    port: u16,
}

impl Trap {
    async fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        Self { listener, port }
    }

    async fn is_untouched(&self) -> bool {
        std::future::poll_fn(|context| std::task::Poll::Ready(self.listener.poll_accept(context)))
            .await
            .is_pending()
    }
}

fn is_users(heard: &Heard) -> bool {
    heard.path.starts_with("/v1.0/users?")
}

async fn users(set: &Set) -> (SectionOutcome, u64) {
    let (collection, _) = set.attempt().await;
    section(&collection.expect("is read"), ItemKind::User)
}

#[tokio::test]
async fn a_link_that_leads_away_is_not_followed() {
    let trap = Trap::set().await;
    let port = trap.port;
    let links: [fn(&str, u16) -> String; 11] = [
        |_, port| format!("http://127.0.0.1:{port}/v1.0/users?$skiptoken=x"),
        |_, port| format!("http://localhost:{port}/v1.0/users?$skiptoken=x"),
        |own, port| format!("http://{own}@127.0.0.1:{port}/v1.0/users"),
        |own, port| format!("http://{own}\\@127.0.0.1:{port}/v1.0/users"),
        |own, port| format!("http://{own}#@127.0.0.1:{port}/v1.0/users"),
        |own, _| format!("http://user@{own}/v1.0/users?$skiptoken=x"),
        |own, _| format!("https://{own}/v1.0/users?$skiptoken=x"),
        |own, _| format!("http://{own}/beta/users?$skiptoken=x"),
        |own, _| format!("http://{own}/v1.0/groups?$skiptoken=x"),
        |own, _| format!("http://{own}/v1.0/users?$skiptoken=x#y"),
        |own, _| format!("http://{own}/v1.0/users?{}", "x".repeat(100 << 10)),
    ];
    for (at, link) in links.into_iter().enumerate() {
        let set = Set::new(move |heard, own, _| {
            let host = own.trim_start_matches("http://").trim_end_matches('/');
            if is_users(heard) {
                Reply::page([1], Some(link(host, port)))
            } else {
                Reply::empty(heard)
            }
        })
        .await;
        assert_eq!(
            users(&set).await,
            (SectionOutcome::Failed(INVALID), 0),
            "link {at}"
        );
        assert_eq!(set.service.heard("/users?").len(), 1, "link {at}");
        let foreign = set.service.heard("skiptoken=x");
        assert!(foreign.is_empty(), "link {at}: {foreign:?}");
    }
    assert!(trap.is_untouched().await, "neither token nor question left");
}

#[tokio::test]
async fn a_redirect_is_no_answer_wherever_it_leads() {
    let trap = Trap::set().await;
    let port = trap.port;
    for status in [301, 302, 307, 308] {
        let set = Set::new(move |heard, _, _| {
            if is_users(heard) {
                Reply::raw(status, "").with("location", &format!("http://127.0.0.1:{port}/v1.0/users"))
            } else {
                Reply::empty(heard)
            }
        })
        .await;
        assert_eq!(users(&set).await, (SectionOutcome::Failed(INVALID), 0));
    }
    assert!(trap.is_untouched().await);
}

#[tokio::test]
async fn a_list_without_anything_new_ends() {
    for same_row in [false, true] {
        let set = Set::new(move |heard, own, _| {
            let page: u64 = heard
                .path
                .rsplit('=')
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or(0);
            if is_users(heard) {
                let rows = same_row.then_some(7);
                Reply::page(rows, Some(format!("{own}v1.0/users?$skiptoken={}", page + 1)))
            } else {
                Reply::empty(heard)
            }
        })
        .await;
        let expected = u64::from(same_row);
        assert_eq!(users(&set).await, (SectionOutcome::Failed(INVALID), expected));
        assert_eq!(set.service.heard("/users?").len() as u64, 100 + expected);
    }
}

#[tokio::test]
async fn a_row_that_does_not_fit_costs_the_section_its_completeness_and_nothing_else() {
    let set = Set::new(|heard, own, _| {
        if !is_users(heard) {
            return Reply::empty(heard);
        }
        if heard.path.contains("skiptoken") {
            return Reply::page([3, 4], None);
        }
        let huge = "x".repeat(10 << 20);
        let rows = json!([
            { "id": "1" }, { "id": null }, { "id": "2", "displayName": 7 }, { "id": "5", "displayName": huge },
            { "id": "\u{0}" }, { "id": "" }, { "id": "6", "displayName": "a\u{0}b" },
        ]);
        Reply::json(200, &json!({ "value": rows, "@odata.nextLink": format!("{own}v1.0/users?$skiptoken=2") }))
    })
    .await;
    let (collection, items) = set.attempt().await;
    let collection = collection.expect("is read");
    assert_eq!(
        section(&collection, ItemKind::User),
        (SectionOutcome::Failed(INVALID), 4),
        "not complete, so that nobody takes the rest for removed"
    );
    let ids: Vec<_> = items.iter().map(|item| item.external_id.as_str()).collect();
    assert_eq!(ids, ["1", "6", "3", "4"]);
    assert_eq!(
        section(&collection, ItemKind::Group),
        (SectionOutcome::Complete, 0)
    );
}

#[tokio::test]
async fn every_page_is_asked_for_with_the_same_headers() {
    let set = Set::new(
        |heard, own, _| match (is_users(heard), heard.path.contains("skiptoken")) {
            (true, false) => Reply::page([1], Some(format!("{own}v1.0/users?$skiptoken=2"))),
            (true, true) => Reply::page([2], None),
            (false, _) => Reply::empty(heard),
        },
    )
    .await;
    assert_eq!(users(&set).await, (SectionOutcome::Complete, 2));
    let heard = set.service.heard("/users?");
    let names = ["accept", "prefer", "authorization", "user-agent"];
    for request in &heard {
        assert_eq!(
            names.map(|name| request.headers.get(name)),
            names.map(|name| heard[0].headers.get(name))
        );
        assert!(names.iter().all(|name| request.headers.contains_key(*name)));
    }
    assert_eq!(heard.len(), 2);
    assert_ne!(
        heard[0].headers["client-request-id"],
        heard[1].headers["client-request-id"]
    );
}
