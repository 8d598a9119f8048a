//! The transitions of a run, as a table.

use super::*;
use crate::gate::tests::sample_new_run;

#[test]
fn nothing_leads_out_of_completed() {
    let blocked = OperationRun::blocked(sample_new_run(), ReasonCode::ProviderConnectionDisabled);
    assert_eq!(blocked.outcome(), Some(RunOutcome::Blocked));
    for outcome in RunOutcome::ALL {
        let again = blocked.end_because(outcome, ReasonCode::InternalError);
        assert_eq!(
            again,
            Err(InvalidTransition {
                from: RunStatus::Completed
            }),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_queued_run_can_end_in_every_way() {
    let queued = OperationRun::queued(sample_new_run());
    for outcome in RunOutcome::ALL {
        let completion = queued
            .end_because(outcome, ReasonCode::RunCanceled)
            .expect("allowed");
        assert_eq!(completion.outcome(), outcome);
        assert_eq!(completion.failures(), [RunFailure::of(ReasonCode::RunCanceled)]);
    }
}

#[test]
fn a_lease_that_is_over_makes_a_run_stale() {
    let at = Timestamp::default();
    let state = RunState::Running {
        started_at: at,
        heartbeat_at: at,
        lease_until: at,
    };
    let run = OperationRun::restore(sample_new_run(), state);
    assert_eq!(run.freshness(at), Freshness::FreshActive);
    assert_eq!(
        run.freshness(at + chrono::TimeDelta::seconds(1)),
        Freshness::LikelyStale
    );
}

#[test]
fn strings_and_values_agree() {
    for status in RunStatus::ALL {
        assert_eq!(RunStatus::parse(status.as_str()), Some(status));
    }
    for outcome in RunOutcome::ALL {
        assert_eq!(RunOutcome::parse(outcome.as_str()), Some(outcome));
    }
    assert_eq!(RunOutcome::parse(RunOutcome::PENDING), None);
}
