//! Tokens that die before they can be used: the run ends, and nothing goes round and round.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::TimeDelta;
use kernel::{Clock as _, ManualClock, Timestamp};
use provider_core::{ProviderFailure, ReasonCode};

use crate::{
    contracts::table::USERS_COUNT,
    gateway::{self, Session},
    limiter::Limit,
    testing::{
        RecordedPauses, Run, SECRET, Set, access, adapter,
        service::{Reply, Service},
    },
};

/// From so many tokens on, none is given any more: a loop without end is told from one with.
const MANY: usize = 12;

/// A service whose tokens live for `life` seconds and take `late` seconds to come.
async fn tokens_of(life: u32, late: i64) -> Set {
    let clock = Arc::new(ManualClock::at(Timestamp::default()));
    let pauses = Arc::new(RecordedPauses::on(&clock));
    let (hands, asked) = (Arc::clone(&clock), AtomicUsize::new(0));
    let service = Service::start(move |heard, _| {
        if !heard.path.ends_with("/token") {
            return Reply::empty(heard);
        }
        let number = asked.fetch_add(1, Ordering::SeqCst);
        if number >= MANY {
            return Reply::error(401, "enough");
        }
        hands.advance(TimeDelta::seconds(late));
        Reply::token_for(number, life)
    })
    .await;
    Set {
        provider: adapter(&service.address, &clock, &pauses),
        service,
        clock,
        pauses,
        access: access(SECRET),
        run: Run::default(),
    }
}

const DEAD: ProviderFailure = ProviderFailure::ended(ReasonCode::ProviderResponseInvalid);

#[tokio::test]
async fn a_token_of_some_seconds_ends_the_run_at_once() {
    for life in [1, 20, 30, 59] {
        let set = tokens_of(life, 0).await;
        assert_eq!(set.attempt().await.0, Err(DEAD), "{life}");
        assert_eq!(set.service.heard("/token").len(), 1, "{life}");
    }
    let set = tokens_of(60, 0).await;
    set.attempt().await.0.expect("a minute is enough");
}

#[tokio::test]
async fn a_second_token_that_died_on_its_way_is_the_last() {
    let set = tokens_of(60, 40).await;
    let session =
        Session::open(&set.provider.0, &set.access, &set.run).unwrap_or_else(|_| panic!("canonical"));
    let outcome = session.get_whole(&USERS_COUNT, gateway::count).await;
    assert_eq!(outcome, Err(DEAD));
    assert_eq!(set.service.heard("/token").len(), 2);
    assert!(set.service.heard("/v1.0/").is_empty(), "no dead token is sent");
    let key = session.identity().key(Limit::Calls(USERS_COUNT.throttle()));
    let turn = set.provider.0.limiter.admit(&key, 1, set.clock.now());
    assert_eq!(turn, Ok(()), "the limit is not used up meanwhile");
}

#[tokio::test]
async fn a_batch_is_not_sent_with_a_dead_token_either() {
    let set = tokens_of(60, 40).await;
    assert_eq!(set.attempt().await.0, Err(DEAD));
    assert!(set.service.heard("/v1.0/").is_empty());
    assert!(set.service.heard("/token").len() < MANY / 2);
}
