//! What is open in which state, as a table.

use chrono::TimeDelta;

use super::*;
use crate::{Waiting, gate::tests::sample_new_run};

const TIMES: ActionTimes = ActionTimes {
    force_cancel_after: Duration::from_mins(1),
    release_after: Duration::from_mins(15),
};

fn open(run: &OperationRun, seconds: i64) -> Vec<&'static str> {
    let now = Timestamp::default() + TimeDelta::seconds(seconds);
    let open = RunAction::ALL
        .into_iter()
        .filter(|action| run.allows(*action, TIMES, now));
    open.map(RunAction::as_str).collect()
}

fn running() -> OperationRun {
    let at = Timestamp::default();
    let state = RunState::Running {
        started_at: at,
        heartbeat_at: at,
        lease_until: at + TimeDelta::seconds(1000),
    };
    OperationRun::restore(sample_new_run(), state)
}

#[test]
fn a_run_that_waits_can_be_released_once_it_waited_too_long() {
    let mut run = OperationRun::queued(sample_new_run());
    assert_eq!(open(&run, 900), ["cancel"]);
    assert_eq!(open(&run, 901), ["cancel", "release"]);
    // What was handed back begins to wait anew, and not before it may begin.
    let since = Timestamp::default() + TimeDelta::seconds(1000);
    run.waiting = Some(Waiting {
        reason: ReasonCode::ProviderThrottled,
        since,
    });
    assert_eq!(open(&run, 1900), ["cancel"]);
    assert_eq!(open(&run, 1901), ["cancel", "release"]);
    run.not_before = Some(since + TimeDelta::seconds(500));
    assert_eq!(open(&run, 2400), ["cancel"]);
    assert_eq!(open(&run, 2401), ["cancel", "release"]);
}

#[test]
fn a_run_at_work_is_asked_then_forced_and_released_only_without_a_lease() {
    let mut run = running();
    assert_eq!(open(&run, 999), ["cancel"]);
    assert_eq!(run.force_cancel_available_at(TIMES), None);
    run.cancel_requested_at = Some(Timestamp::default());
    let available = Timestamp::default() + TimeDelta::seconds(60);
    assert_eq!(run.force_cancel_available_at(TIMES), Some(available));
    assert!(open(&run, 59).is_empty());
    assert_eq!(open(&run, 60), ["force_cancel"]);
    assert_eq!(open(&run, 1000), ["force_cancel"]);
    assert_eq!(open(&run, 1001), ["force_cancel", "release"]);
}

#[test]
fn what_is_over_can_be_tried_again_where_it_was() {
    let run = OperationRun::blocked(sample_new_run(), ReasonCode::ProviderConnectionDisabled);
    assert_eq!(open(&run, 1_000_000), ["retry"]);
    assert_eq!(run.stuck_from(TIMES), None);
    let mut of_workspace = sample_new_run();
    of_workspace.place = RunPlace::Workspace {
        scope_key: "housekeeping".to_owned(),
    };
    let run = OperationRun::blocked(of_workspace, ReasonCode::InternalError);
    assert!(open(&run, 0).is_empty());
}

#[test]
fn the_end_of_a_released_run_says_that_no_worker_ended_it() {
    let run = running();
    let end = run
        .end_unattended(ReasonCode::RunReleased, Timestamp::default())
        .expect("active");
    assert_eq!(end.outcome(), RunOutcome::Failed);
    let reconciliation = end.context.reconciliation.expect("there");
    assert_eq!(reconciliation.reason_code, ReasonCode::RunReleased);
    let over = OperationRun::blocked(sample_new_run(), ReasonCode::InternalError);
    assert!(
        over.end_unattended(ReasonCode::RunReleased, Timestamp::default())
            .is_err()
    );
}

#[test]
fn times_that_lie_beyond_all_times_are_never_reached() {
    let mut run = running();
    run.cancel_requested_at = Some(Timestamp::default());
    let never = ActionTimes {
        force_cancel_after: Duration::MAX,
        ..TIMES
    };
    let now = Timestamp::default() + TimeDelta::days(100_000);
    assert!(!run.allows(RunAction::ForceCancel, never, now));
}
