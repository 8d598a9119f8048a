//! How long to wait, and when to give up.

use super::*;
use crate::testing::{RecordedPauses, Run};

#[test]
fn what_was_told_is_read_in_every_form_that_is_seen() {
    let now = Timestamp::from_timestamp(784_111_777, 0).expect("in range");
    let millis = |millis| Some(Duration::from_millis(millis));
    let cases = [
        ("7", millis(7_000)),
        (" 7 ", millis(7_000)),
        ("1.2345", millis(1_235)),
        ("0.249", millis(500)),
        ("0", millis(500)),
        ("-5", millis(500)),
        ("150100", millis(150_100_000)),
        ("99999999999999999999", Some(LONGEST_TOLD)),
        ("Sun, 06 Nov 1994 08:50:07 GMT", millis(30_000)),
        ("Sun, 06 Nov 1994 08:49:07 GMT", millis(500)),
        ("", None),
        ("soon", None),
        ("inf", None),
        ("NaN", None),
        ("1e3", None),
        ("1-2", None),
    ];
    for (text, expected) in cases {
        assert_eq!(told(text, now), expected, "{text}");
    }
}

const DOWN: ReasonCode = ReasonCode::ProviderUnavailable;

async fn wait(
    patience: &mut Patience<'_>,
    reason: ReasonCode,
    told: Option<Duration>,
) -> Result<(), ProviderFailure> {
    let plan = patience.plan(reason, told);
    patience.follow(plan).await
}

/// Chance that always takes the most.
struct Latest;

#[async_trait::async_trait]
impl crate::pause::Pauses for Latest {
    async fn pause(&self, _length: Duration) {}

    fn draw(&self, ceiling: Duration) -> Duration {
        ceiling
    }
}

#[test]
fn own_waits_double_up_to_a_minute() {
    let run = Run::default();
    let pulse = Pulse::new(&run, &Latest);
    let mut patience = Patience::new(&pulse, 100, Duration::ZERO);
    let lengths: Vec<u64> = (0..40)
        .map(|_| {
            patience.attempt();
            patience.length(DOWN, None).as_secs()
        })
        .collect();
    assert_eq!(lengths[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(lengths[39], 60);
    assert_eq!(
        patience.length(DOWN, Some(Duration::from_secs(3))),
        Duration::from_millis(3_500)
    );
}

#[test]
fn chance_never_goes_below_the_least_pause() {
    let (run, pauses) = (Run::default(), RecordedPauses::default());
    let pulse = Pulse::new(&run, &pauses);
    let patience = Patience::new(&pulse, 2, Duration::from_millis(700));
    assert_eq!(patience.length(DOWN, None), Duration::from_millis(700));
}

#[tokio::test]
async fn used_up_attempts_end_or_hand_back() {
    let cases = [
        (ReasonCode::ProviderUnavailable, None, Retry::Never),
        (ReasonCode::ProviderUnreachable, None, Retry::Never),
        (
            ReasonCode::ProviderThrottled,
            None,
            Retry::After(Duration::from_secs(1)),
        ),
        (
            ReasonCode::ProviderUnavailable,
            Some(Duration::from_secs(2)),
            Retry::After(Duration::from_secs(2)),
        ),
    ];
    for (reason, told, retry) in cases {
        let (run, pauses) = (Run::default(), RecordedPauses::default());
        let pulse = Pulse::new(&run, &pauses);
        let mut patience = Patience::new(&pulse, 2, Duration::from_millis(700));
        patience.attempt();
        wait(&mut patience, reason, told).await.expect("one more attempt");
        patience.attempt();
        let given_up = wait(&mut patience, reason, told).await;
        assert_eq!(
            given_up,
            Err(ProviderFailure::Provider { reason, retry }),
            "{reason:?}"
        );
    }
}

#[tokio::test]
async fn a_wait_beyond_the_budget_hands_back_without_waiting() {
    let run = Run {
        budget: Duration::from_secs(1),
        ..Run::default()
    };
    let pauses = RecordedPauses::default();
    let pulse = Pulse::new(&run, &pauses);
    let mut patience = Patience::new(&pulse, 6, Duration::ZERO);
    patience.attempt();
    let length = Duration::from_secs(2);
    let reason = ReasonCode::ProviderUnavailable;
    let handed_back = ProviderFailure::Provider {
        reason,
        retry: Retry::After(length),
    };
    assert_eq!(wait(&mut patience, reason, Some(length)).await, Err(handed_back));
    assert!(pauses.total().is_zero());
}

#[tokio::test]
async fn a_turn_counts_against_the_same_budget_and_hands_back_without_waiting() {
    let run = Run {
        budget: Duration::from_secs(10),
        ..Run::default()
    };
    let pauses = RecordedPauses::default();
    let pulse = Pulse::new(&run, &pauses);
    let mut patience = Patience::new(&pulse, 6, Duration::ZERO);
    patience
        .turn(Duration::from_secs(7))
        .await
        .expect("within the budget");
    let handed_back = ProviderFailure::Provider {
        reason: ReasonCode::ProviderThrottled,
        retry: Retry::After(Duration::from_secs(4)),
    };
    assert_eq!(patience.turn(Duration::from_secs(4)).await, Err(handed_back));
    assert_eq!(pauses.total(), Duration::from_secs(7));
}

#[tokio::test]
async fn what_the_run_can_do_without_gives_up_and_still_closes_its_limit() {
    let (run, pauses) = (Run::default(), RecordedPauses::default());
    let pulse = Pulse::new(&run, &pauses);
    let (hour, throttled) = (Duration::from_hours(1), ReasonCode::ProviderThrottled);
    let given_up = Err(ProviderFailure::ended(throttled));
    let mut patience = Patience::new(&pulse, 2, Duration::ZERO).never_handing_back();
    assert_eq!(patience.turn(hour).await, given_up);
    patience.attempt();
    let plan = patience.plan(throttled, Some(hour));
    assert_eq!((plan.lost(), plan.closed_for()), (Duration::ZERO, Some(hour)));
    assert_eq!(patience.follow(plan).await, given_up);
    assert!(pauses.total().is_zero());
    let short = patience.plan(throttled, Some(Duration::from_secs(3)));
    patience.follow(short).await.expect("a short one is waited for");
    assert_eq!(pauses.total(), short.lost());
}

#[test]
fn only_a_pause_that_was_asked_for_closes_a_limit_and_only_a_wait_is_lost() {
    let (run, pauses) = (Run::default(), RecordedPauses::default());
    let pulse = Pulse::new(&run, &pauses);
    let mut patience = Patience::new(&pulse, 2, Duration::from_secs(2));
    patience.attempt();
    let told = Duration::from_secs(9);
    let plan = patience.plan(DOWN, Some(told));
    assert_eq!((plan.lost(), plan.closed_for()), (told, Some(told)));
    let plan = patience.plan(DOWN, None);
    assert_eq!((plan.lost(), plan.closed_for()), (Duration::from_secs(2), None));
    let plan = patience.plan(ReasonCode::ProviderThrottled, None);
    assert_eq!(plan.closed_for(), Some(Duration::from_secs(2)));
    patience.attempt();
    assert_eq!(patience.plan(DOWN, None).lost(), Duration::ZERO, "given up");
}
