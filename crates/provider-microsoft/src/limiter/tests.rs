//! Pace, pauses, and who is held up by whom, in virtual time.

use super::*;
use crate::contracts::ThrottleClass;

const DIRECTORY: Limit = Limit::Calls(ThrottleClass::Directory);
const ACCESS: Limit = Limit::Calls(ThrottleClass::ConditionalAccess);

fn key(limit: Limit) -> Key {
    Key {
        cloud: Cloud::Global,
        tenant: Uuid::from_u128(1),
        client: None,
        limit,
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::default() + TimeDelta::milliseconds(millis)
}

/// How many units get through until `end`, and the most within any window of the limit.
fn flood(limiter: &Limiter, key: &Key, from: Timestamp, end: Timestamp) -> (usize, usize) {
    let (mut now, mut sent) = (from, Vec::new());
    while now < end {
        match limiter.admit(key, 1, now) {
            Ok(()) => sent.push(now),
            Err(wait) => now += delta(wait).max(TimeDelta::microseconds(1)),
        }
    }
    let window = delta(key.limit.published().window);
    let most = (0..sent.len())
        .map(|first| sent[first..].partition_point(|time| *time < sent[first] + window))
        .max();
    (sent.len(), most.unwrap_or_default())
}

#[test]
fn no_window_ever_holds_more_than_is_published() {
    for limit in ThrottleClass::ALL
        .map(Limit::Calls)
        .into_iter()
        .chain([Limit::SignIn])
    {
        let limiter = Limiter::default();
        let published = limit.published();
        let (all, most) = flood(&limiter, &key(limit), at(0), at(60_000));
        assert!(most <= published.units as usize, "{limit:?}: {most}");
        let allowed =
            60 * published.units as usize / usize::try_from(published.window.as_secs()).expect("fits");
        assert!(
            all >= allowed * 9 / 10,
            "{limit:?} is not held up needlessly: {all}"
        );
    }
}

#[test]
fn conditional_access_is_asked_once_a_second() {
    let limiter = Limiter::default();
    let (all, most) = flood(&limiter, &key(ACCESS), at(0), at(10_000));
    assert_eq!((all, most), (10, 1));
    assert_eq!(
        limiter.admit(&key(ACCESS), 1, at(9_999)),
        Err(Duration::from_millis(1))
    );
}

#[test]
fn a_pause_closes_the_bucket_for_everybody_and_no_other() {
    let limiter = Limiter::default();
    let closed = Lesson::Closed {
        length: Duration::from_secs(30),
        throttled: true,
    };
    limiter.learn(&key(DIRECTORY), closed, at(0));
    let shorter = Lesson::Closed {
        length: Duration::from_secs(1),
        throttled: true,
    };
    limiter.learn(&key(DIRECTORY), shorter, at(10));
    assert_eq!(
        limiter.admit(&key(DIRECTORY), 1, at(29_999)),
        Err(Duration::from_millis(1))
    );
    let others = [
        key(ACCESS),
        key(Limit::SignIn),
        Key {
            tenant: Uuid::from_u128(2),
            ..key(DIRECTORY)
        },
        Key {
            cloud: Cloud::UsGovL4,
            ..key(DIRECTORY)
        },
    ];
    for other in others {
        assert_eq!(limiter.admit(&other, 1, at(0)), Ok(()), "{other:?}");
    }
    assert_eq!(limiter.admit(&key(DIRECTORY), 1, at(30_000)), Ok(()));
    assert!(
        limiter.admit(&key(DIRECTORY), 1, at(30_000)).is_err(),
        "one at first, no burst"
    );
}

#[test]
fn the_rate_is_halved_by_a_pause_and_comes_back_with_success() {
    let limiter = Limiter::default();
    let key = key(ACCESS);
    let closed = Lesson::Closed {
        length: Duration::from_secs(2),
        throttled: true,
    };
    limiter.learn(&key, closed, at(0));
    limiter.learn(&key, closed, at(0));
    let (slow, _) = flood(&limiter, &key, at(0), at(42_000));
    assert_eq!(slow, 10, "a quarter of the rate after two seconds");
    for _ in 0..RECOVERY {
        limiter.learn(&key, Lesson::Answered(Some(50)), at(42_000));
    }
    let (better, _) = flood(&limiter, &key, at(42_000), at(62_000));
    assert_eq!(better, 10, "half of it");
    for _ in 0..RECOVERY {
        limiter.learn(&key, Lesson::Answered(None), at(62_000));
    }
    let (whole, _) = flood(&limiter, &key, at(62_000), at(72_000));
    assert_eq!(whole, 10);
    for _ in 0..100 {
        limiter.learn(&key, closed, at(72_000));
    }
    assert_eq!(flood(&limiter, &key, at(72_000), at(74_001)).0, 1);
    assert_eq!(
        limiter.admit(&key, 1, at(74_001)),
        Err(Duration::from_millis(31_999)),
        "not slower than this"
    );
}

#[test]
fn nearness_to_the_limit_slows_down_before_the_pause() {
    let limiter = Limiter::default();
    let key = key(ACCESS);
    limiter.learn(&key, Lesson::Answered(Some(89)), at(0));
    assert_eq!(flood(&limiter, &key, at(0), at(10_000)).0, 10);
    limiter.learn(&key, Lesson::Answered(Some(90)), at(10_000));
    limiter.learn(&key, Lesson::Answered(Some(180)), at(10_000));
    assert_eq!(flood(&limiter, &key, at(10_000), at(20_000)).0, 5);
}

#[test]
fn a_service_that_is_down_does_not_slow_us_down() {
    let limiter = Limiter::default();
    let closed = Lesson::Closed {
        length: Duration::from_secs(2),
        throttled: false,
    };
    limiter.learn(&key(ACCESS), closed, at(0));
    assert_eq!(flood(&limiter, &key(ACCESS), at(0), at(12_000)).0, 10);
}

#[test]
fn a_pause_of_another_process_holds_here_and_has_an_end() {
    let limiter = Limiter::default();
    limiter.close(&key(DIRECTORY), at(-5_000), at(0));
    assert_eq!(limiter.admit(&key(DIRECTORY), 1, at(0)), Ok(()), "it is over");
    limiter.close(&key(DIRECTORY), at(5_000), at(0));
    assert_eq!(
        limiter.admit(&key(DIRECTORY), 1, at(0)),
        Err(Duration::from_secs(5))
    );
    limiter.close(&key(DIRECTORY), Timestamp::MAX_UTC, at(0));
    let wait = limiter.admit(&key(DIRECTORY), 1, at(0)).expect_err("is closed");
    assert_eq!(wait, Duration::from_hours(7 * 24));
}

#[test]
fn a_clock_that_is_set_back_does_not_lengthen_a_pause() {
    let limiter = Limiter::default();
    limiter.close(&key(DIRECTORY), at(60_000), at(0));
    let day = TimeDelta::days(1);
    let wait = limiter.admit(&key(DIRECTORY), 1, at(0) - day);
    assert_eq!(wait, Err(Duration::from_mins(1)));
    assert_eq!(limiter.admit(&key(DIRECTORY), 1, at(60_000) - day), Ok(()));
}

#[test]
fn a_clock_that_is_corrected_forward_ends_a_pause_until_it_is_told_again() {
    let limiter = Limiter::default();
    limiter.close(&key(DIRECTORY), at(60_000), at(0));
    let day = TimeDelta::days(1);
    assert!(limiter.is_closed(&key(DIRECTORY), at(0) - day));
    assert!(
        !limiter.is_closed(&key(DIRECTORY), at(10_000)),
        "as the module says"
    );
    limiter.close(&key(DIRECTORY), at(60_000), at(10_000));
    assert_eq!(
        limiter.admit(&key(DIRECTORY), 1, at(10_000)),
        Err(Duration::from_secs(50))
    );
}

#[test]
fn who_looks_takes_nothing_and_sees_pauses_alone() {
    let limiter = Limiter::default();
    assert_eq!(limiter.admit(&key(ACCESS), 1, at(0)), Ok(()));
    for _ in 0..10 {
        assert!(
            !limiter.is_closed(&key(ACCESS), at(0)),
            "its own turn is no pause"
        );
    }
    assert_eq!(limiter.admit(&key(ACCESS), 1, at(1_000)), Ok(()));
    limiter.close(&key(ACCESS), at(9_000), at(1_000));
    assert!(limiter.is_closed(&key(ACCESS), at(8_999)));
    assert!(!limiter.is_closed(&key(ACCESS), at(9_000)));
}

#[test]
fn a_costly_call_takes_more_and_a_rest_gives_no_more_than_the_burst() {
    let limiter = Limiter::default();
    let burst = DIRECTORY.published().burst;
    assert_eq!(limiter.admit(&key(DIRECTORY), burst + 1, at(3_600_000)), Ok(()));
    let wait = limiter
        .admit(&key(DIRECTORY), 1, at(3_600_000))
        .expect_err("is used up");
    assert!(
        wait <= DIRECTORY.published().interval() + Duration::from_micros(1),
        "{wait:?}"
    );
}

#[test]
fn buckets_that_hold_nothing_are_swept_out() {
    let limiter = Limiter::default();
    for number in 0..20_000 {
        let tenant = Uuid::from_u128(number);
        let key = Key {
            tenant,
            ..key(ACCESS)
        };
        let now = at(i64::try_from(number).expect("fits") * 10);
        assert_eq!(limiter.admit(&key, 1, now), Ok(()));
    }
    let count = limiter.0.lock().expect("no holder panics").all.len();
    assert!(count <= 2 * SWEEP_FROM, "{count}");
}

#[test]
fn names_are_stable_and_lead_back() {
    let names = [
        "directory",
        "access_policies",
        "devices",
        "device_policies",
        "sign_in",
    ];
    for name in names {
        assert_eq!(Limit::parse(name).map(Limit::name), Some(name));
    }
    assert_eq!(Limit::parse("other"), None);
}
