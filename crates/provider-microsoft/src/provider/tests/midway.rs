//! What happens in the middle: of a list, of a token's life, of a body.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::TimeDelta;
use inventory::{InventoryExecutor as _, ItemKind, SectionOutcome};
use provider_core::{CallOutcome, ProviderFailure, ReasonCode};
use serde_json::json;

use crate::testing::{
    Set, section,
    service::{Heard, Reply},
};

const PAGES: u64 = 510;

fn page(heard: &Heard, own: &str) -> Reply {
    let page = number(heard);
    let next = format!("{own}v1.0/users?$skiptoken={}", page + 1);
    Reply::page([page], (page < PAGES).then_some(next))
}

fn number(heard: &Heard) -> u64 {
    heard
        .path
        .rsplit("skiptoken=")
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1)
}

fn is_users(heard: &Heard) -> bool {
    heard.path.starts_with("/v1.0/users?")
}

/// Users whose page 500 is refused once to each token but the newest.
async fn refusing(second_token: fn() -> Reply) -> Set {
    let tokens = Arc::new(AtomicUsize::new(0));
    Set::new(move |heard, own, _| {
        if heard.path.ends_with("/token") {
            return match tokens.fetch_add(1, Ordering::SeqCst) {
                0 => Reply::token(0),
                _ => second_token(),
            };
        }
        let newest = tokens.load(Ordering::SeqCst) > 1;
        match (is_users(heard), number(heard)) {
            (true, 500) if !newest => Reply::error(401, "InvalidAuthenticationToken"),
            (true, _) => page(heard, own),
            (false, _) => Reply::empty(heard),
        }
    })
    .await
}

#[tokio::test]
async fn a_token_that_is_refused_on_page_500_is_replaced_once_and_the_list_goes_on() {
    let set = refusing(|| Reply::token(1)).await;
    let (collection, items) = set.attempt().await;
    let collection = collection.expect("is read");
    assert_eq!(
        section(&collection, ItemKind::User),
        (SectionOutcome::Complete, PAGES)
    );
    assert_eq!(items.len() as u64, PAGES);
    assert_eq!(set.service.heard("/token").len(), 2);
    assert_eq!(
        set.service.heard("/users?").len() as u64,
        PAGES + 1,
        "no page twice but the refused one"
    );
}

#[tokio::test]
async fn a_secret_that_was_rotated_midway_ends_the_run_and_the_next_attempt_goes_on() {
    let mut set = refusing(|| {
        Reply::json(
            401,
            &json!({ "error": "invalid_client", "error_codes": [7_000_215] }),
        )
    })
    .await;
    let (outcome, items) = set.attempt().await;
    let refused = ProviderFailure::ended(ReasonCode::ProviderCredentialInvalid);
    assert_eq!((outcome, items.len()), (Err(refused), 499));
    assert_eq!(
        set.service.heard("/token").len(),
        2,
        "asked once more, not for ever"
    );
    let records = set.run.records();
    let last = records.last().expect("recorded");
    assert_eq!(
        (last.call, last.limit, last.status),
        ("token", "sign_in", Some(401))
    );
    assert_eq!(
        last.outcome,
        CallOutcome::Failed(ReasonCode::ProviderCredentialInvalid)
    );
    set.access.credential.version = 2;
    assert_eq!(set.attempt().await.0, Err(refused), "still the wrong one");
    assert_eq!(
        set.service.heard("/users?").len(),
        500,
        "without a token nothing is sent"
    );
}

#[tokio::test]
async fn a_claims_challenge_is_passed_on_once_and_the_new_token_used() {
    let set = Set::new(|heard, own, _| {
        if heard.path.ends_with("/token") {
            return Reply::token(usize::from(heard.form().contains_key("claims")));
        }
        let old = heard
            .headers
            .get("authorization")
            .is_some_and(|bearer| bearer.contains(&first_claims()));
        match (is_users(heard), number(heard)) {
            (true, 3) if old => Reply::error(401, "InvalidAuthenticationToken").with(
                "www-authenticate",
                &"Bearer realm=\"\", error=\"insufficient_claims\", \
                 claims=\"eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7InZhbHVlIjoiMSJ9fX0=\"",
            ),
            (true, _) => page(heard, own),
            (false, _) => Reply::empty(heard),
        }
    })
    .await;
    set.attempt().await.0.expect("is read");
    let forms: Vec<_> = set.service.heard("/token").iter().map(Heard::form).collect();
    assert_eq!(forms.len(), 2);
    assert_eq!(forms[0].get("claims"), None);
    assert_eq!(forms[1]["claims"], r#"{"access_token":{"nbf":{"value":"1"}}}"#);
}

/// What stands in the first token and not in the second.
fn first_claims() -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let claims = json!({ "tid": crate::testing::TENANT, "appid": crate::testing::CLIENT, "number": 0 });
    URL_SAFE_NO_PAD.encode(claims.to_string())
}

#[tokio::test]
async fn a_token_is_renewed_while_it_still_serves_and_kept_when_that_fails() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let set = Set::new(move |heard, _, _| {
        if !heard.path.ends_with("/token") {
            return Reply::empty(heard);
        }
        match tokens.fetch_add(1, Ordering::SeqCst) {
            1 => Reply::error(503, "").with("retry-after", &20),
            2 => Reply::raw(200, "<html>"),
            number => Reply::token(number),
        }
    })
    .await;
    let asked = || set.service.heard("/token").len();
    set.attempt().await.0.expect("is read");
    set.clock.advance(TimeDelta::minutes(29));
    set.attempt().await.0.expect("is read");
    assert_eq!(asked(), 1, "half of its life");
    set.clock.advance(TimeDelta::minutes(1));
    let waited = set.pauses.total();
    set.attempt().await.0.expect("is read with the old one");
    assert_eq!(asked(), 2, "one attempt");
    assert!(
        set.pauses.total() < waited + std::time::Duration::from_secs(20),
        "nobody waits for it"
    );
    set.attempt().await.0.expect("is read with the old one");
    assert_eq!(asked(), 2, "not before a minute is over");
    set.clock.advance(TimeDelta::minutes(2));
    set.attempt().await.0.expect("is read with the old one");
    assert_eq!(asked(), 3);
    set.clock.advance(TimeDelta::minutes(2));
    set.attempt().await.0.expect("is read");
    set.attempt().await.0.expect("is read");
    assert_eq!(asked(), 4, "the new one serves");
}

#[tokio::test]
async fn a_body_that_ends_early_or_is_empty_is_asked_for_again() {
    let broken: [fn() -> Reply; 4] = [
        || Reply::page([1, 2, 3], None).cut(),
        || Reply::raw(200, ""),
        || Reply::raw(200, r#"{"value":[{"id":"1"}"#),
        || Reply::raw(200, b"\x1f\x8b\x08"),
    ];
    for (at, body) in broken.into_iter().enumerate() {
        let asked = Arc::new(AtomicUsize::new(0));
        let set = Set::new(move |heard, _, _| {
            match (
                is_users(heard),
                is_users(heard) && asked.fetch_add(1, Ordering::SeqCst) == 0,
            ) {
                (true, true) => body(),
                (true, false) => Reply::page([1, 2, 3], None),
                (false, _) => Reply::empty(heard),
            }
        })
        .await;
        let (collection, _) = set.attempt().await;
        let users = section(&collection.expect("is read"), ItemKind::User);
        assert_eq!(users, (SectionOutcome::Complete, 3), "body {at}");
        let records = set.run.records();
        let outcomes: Vec<_> = records
            .iter()
            .filter(|call| call.call == "users.list")
            .map(|call| (call.attempt, call.outcome == CallOutcome::Answered))
            .collect();
        assert_eq!(outcomes, [(1, false), (2, true)], "body {at}");
    }
}

#[tokio::test]
async fn a_first_page_that_takes_the_service_too_long_is_asked_for_in_halves() {
    let set = Set::new(|heard, _, _| {
        if is_users(heard) && !heard.path.ends_with("$top=249") {
            Reply::error(504, "UnknownError")
        } else {
            Reply::empty(heard)
        }
    })
    .await;
    set.attempt().await.0.expect("is read");
    let tops: Vec<_> = set
        .service
        .heard("/users?")
        .iter()
        .filter_map(|heard| heard.path.rsplit("$top=").next().map(str::to_owned))
        .collect();
    assert_eq!(tops, ["999", "499", "249"]);
}

#[tokio::test]
async fn what_is_no_token_ends_the_run_before_anything_is_asked() {
    let bodies = [
        json!({ "access_token": "e30.e30.x", "expires_in": -1 }),
        json!({ "access_token": "e30.e30.x", "expires_in": 0 }),
        json!({ "access_token": "e30.e30.x", "expires_in": "x" }),
        json!({ "access_token": "e30.e30.x", "expires_in": 1_000_000_000_000_i64 }),
        json!({ "access_token": "e30.e30.x", "expires_in": 1e300 }),
        json!({ "expires_in": 3600 }),
        json!([]),
    ];
    for body in bodies {
        let text = body.to_string();
        let set = Set::new(move |heard, _, _| {
            if heard.path.ends_with("/token") {
                Reply::raw(200, text.clone())
            } else {
                Reply::empty(heard)
            }
        })
        .await;
        let invalid = ProviderFailure::ended(ReasonCode::ProviderResponseInvalid);
        assert_eq!(set.attempt().await.0, Err(invalid), "{body}");
        let measured = set.provider.measure(&set.access, &set.run).await;
        assert_eq!(measured, Err(invalid), "{body}");
        assert!(set.service.heard("/v1.0/").is_empty());
    }
}
