//! What must be true in every state, and what must be able to happen, so that the model is known
//! to reach the places where it matters.

use stateright::{Model as _, Property};

use super::{
    machine::{Action, Lease},
    state::{Author, Run, State, Worker},
};

pub(super) const V2: &str = "V2 at most one run is active on the scope";
pub(super) const ALONE: &str = "V2 at most one worker in its lease works on the scope";
pub(super) const V4: &str = "V4 one end, never changed";
pub(super) const V5: &str = "V5 the end was written by the holder of the last attempt";
pub(super) const V6: &str = "V6 attempts are 1, 2, 3, without a gap";
pub(super) const RESCUE: &str = "the sweep takes no run whose lease runs";
pub(super) const V10: &str = "V10 whoever can do nothing more left nothing active";
const ENDS: &str = "V10 in the end everything is over";
const CANCEL_ARRIVES: &str = "reachable: a canceled run is ended by its worker";
const LATE: &str = "reachable: a worker in no lease holds a run that is over";

/// All of them.
pub(super) fn all() -> Vec<Property<Lease>> {
    vec![
        Property::always(V2, |_, state: &State| {
            state.runs.iter().filter(|run| run.active()).count() <= 1
        }),
        Property::always(ALONE, |_, state: &State| works_alone(state)),
        Property::always(V4, |_, state: &State| {
            state.runs.iter().all(|run| run.ends.len() <= 1 && !run.revived)
        }),
        Property::always(V5, |_, state: &State| {
            state.runs.iter().all(|run| match run.ends.last() {
                Some(Author::Worker(attempt)) => *attempt == run.attempt,
                Some(Author::Sweep | Author::Canceler | Author::Force) | None => true,
            })
        }),
        Property::always(V6, |_, state: &State| {
            state.runs.iter().all(|run| {
                run.started
                    .iter()
                    .copied()
                    .eq(1..=u8::try_from(run.started.len()).unwrap_or(u8::MAX))
                    && usize::from(run.attempt) == run.started.len()
            })
        }),
        Property::always(RESCUE, |_, state: &State| {
            !state.runs.iter().any(|run| run.robbed)
        }),
        Property::always(V10, |model: &Lease, state: &State| {
            let mut actions = Vec::new();
            model.actions(state, &mut actions);
            let over = !state.runs.iter().any(Run::active);
            over || !actions.iter().all(|action| *action == Action::Start)
        }),
        Property::eventually(ENDS, |_, state: &State| {
            state.left.starts == 0 && state.saw_free == 0 && !state.runs.iter().any(Run::active)
        }),
        Property::sometimes(CANCEL_ARRIVES, |_, state: &State| {
            let by_worker = |run: &Run| matches!(run.ends.last(), Some(Author::Worker(_)));
            state.runs.iter().any(|run| run.cancel && by_worker(run))
        }),
        Property::sometimes(LATE, |_, state: &State| {
            state.workers.iter().any(|worker| match worker {
                Worker::Working(hold) => !hold.lease && !state.runs[hold.run].active(),
                Worker::Idle | Worker::Dead => false,
            })
        }),
    ]
}

/// No two workers who believe in their leases have work on the scope, except where a run was
/// ended by force: that is what force means, and why it has a cool-off.
fn works_alone(state: &State) -> bool {
    let forced = |run: usize| state.runs[run].ends.contains(&Author::Force);
    let believers = state.workers.iter().filter(|worker| match worker {
        Worker::Working(hold) => hold.lease && !forced(hold.run),
        Worker::Idle | Worker::Dead => false,
    });
    believers.count() <= 1
}
