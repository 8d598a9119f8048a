//! Turns and cutoffs, by the second.

use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds};

use super::*;

#[test]
fn the_first_turn_comes_within_one_interval_and_not_for_all_at_once() {
    let (settings, now) = (RetentionSettings::default(), SystemClock.now());
    let turns: Vec<_> = (0..200)
        .map(|_| settings.first_turn(Id::from_uuid(SystemIds.next_uuid()), now) - now)
        .collect();
    assert!(
        turns
            .iter()
            .all(|turn| (TimeDelta::zero()..=TimeDelta::days(1)).contains(turn))
    );
    let early = turns.iter().filter(|turn| **turn < TimeDelta::hours(12)).count();
    assert!((60..140).contains(&early), "{early} of 200 in the first half");
}

#[test]
fn turns_keep_their_rhythm_and_are_not_made_up_for() {
    let (settings, due) = (RetentionSettings::default(), SystemClock.now());
    let next = |late| settings.next_turn(due, due + late) - due;
    assert_eq!(next(TimeDelta::zero()), TimeDelta::days(1));
    assert_eq!(next(TimeDelta::hours(23)), TimeDelta::days(1));
    assert_eq!(
        next(TimeDelta::hours(24)),
        TimeDelta::days(2),
        "not due again at once"
    );
    assert_eq!(
        next(TimeDelta::days(10) + TimeDelta::hours(1)),
        TimeDelta::days(11),
        "one for ten"
    );
}

#[test]
fn what_is_kept_for_ever_has_no_cutoff() {
    let now = SystemClock.now();
    for kind in RetentionKind::ALL {
        assert_eq!(KeepDays::FOR_EVER.before(kind, now), None);
    }
    let keep = KeepDays::default();
    assert_eq!(
        keep.before(RetentionKind::Runs, now),
        Some(now - TimeDelta::days(90))
    );
    assert_eq!(
        keep.before(RetentionKind::Events, now),
        Some(now - TimeDelta::days(30))
    );
}

#[test]
fn every_kind_is_counted_under_a_key_of_its_own() {
    let mut counts = SummaryCounts::default();
    for kind in RetentionKind::ALL {
        counts.add(kind.count_key(), 1);
    }
    assert_eq!(counts.keys().count(), RetentionKind::ALL.len());
    let definition = OperationType::WorkspaceHousekeeping.definition();
    assert!(counts.keys().all(|key| definition.count_keys.contains(&key)));
    assert!(!definition.startable);
}
