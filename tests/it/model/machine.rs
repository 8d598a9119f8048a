//! The transitions, each one statement of the product or one event of the world.

use stateright::{Model, Property};

use super::{
    properties,
    state::{Author, Hold, Left, Look, RUNS, Run, State, Status, WORKERS, Worker},
};

/// How many leases a run may lose.
const MAX_LOST: u8 = 2;

/// What is left out of the rules, or put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    Faithful,
    NoFence,
    SweepWithoutLease,
    SweepById,
    NoUniqueScope,
    CancelFreesAtOnce,
    ClaimKeepsAttempt,
    NoSweep,
}

/// How often what may happen does happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(Left);

impl Budget {
    pub(super) const QUICK: Self = Self(Left {
        starts: 2,
        crashes: 1,
        pauses: 1,
        beats: 1,
        hand_backs: 1,
        cancels: 1,
        forces: 0,
    });
    pub(super) const DEEP: Self = Self(Left {
        starts: 2,
        crashes: 2,
        pauses: 1,
        beats: 1,
        hand_backs: 1,
        cancels: 1,
        forces: 1,
    });
}

/// The model: rules and budget.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) variant: Variant,
    pub(super) budget: Budget,
}

/// Everything that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Start,
    LookBeforeStart,
    Claim(usize),
    Beat(usize),
    Finish(usize),
    HandBack(usize),
    Crash(usize),
    Restart(usize),
    Pause(usize),
    Resume(usize),
    LeaseEnds(usize),
    Cancel(usize),
    Force(usize),
    SweepLooks(usize),
    SweepSettles,
}

impl Model for Lease {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(self.budget.0)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let left = state.left;
        if left.starts > 0 {
            match self.variant {
                Variant::NoUniqueScope if state.scope_is_free() => actions.push(Action::LookBeforeStart),
                Variant::NoUniqueScope => {}
                _ if state.scope_is_free() => actions.push(Action::Start),
                _ => {}
            }
        }
        if state.saw_free > 0 {
            actions.push(Action::Start);
        }
        for (index, worker) in state.workers.iter().enumerate() {
            worker_actions(state, index, worker, actions);
        }
        for (index, run) in state.runs.iter().enumerate() {
            match run.status {
                Status::Running if run.lease => actions.push(Action::LeaseEnds(index)),
                Status::Running if state.look.is_none() && self.variant != Variant::NoSweep => {
                    actions.push(Action::SweepLooks(index));
                }
                Status::Absent | Status::Queued | Status::Running | Status::Completed => {}
            }
            if run.active() && left.cancels > 0 && !run.cancel {
                actions.push(Action::Cancel(index));
            }
            if run.active() && left.forces > 0 {
                actions.push(Action::Force(index));
            }
        }
        if state.look.is_some() {
            actions.push(Action::SweepSettles);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::LookBeforeStart => {
                state.left.starts -= 1;
                state.saw_free += 1;
            }
            Action::Start => self.start(&mut state)?,
            Action::Claim(worker) => self.claim(&mut state, worker)?,
            Action::Beat(worker) => self.beat(&mut state, worker)?,
            Action::Finish(worker) => self.finish(&mut state, worker)?,
            Action::HandBack(worker) => self.hand_back(&mut state, worker)?,
            Action::Crash(worker) => {
                state.left.crashes -= 1;
                state.workers[worker] = Worker::Dead;
            }
            Action::Restart(worker) => state.workers[worker] = Worker::Idle,
            Action::Pause(worker) => {
                state.left.pauses -= 1;
                hold(&mut state, worker)?.paused = true;
            }
            Action::Resume(worker) => hold(&mut state, worker)?.paused = false,
            Action::LeaseEnds(run) => lease_ends(&mut state, run),
            Action::Cancel(run) => self.cancel(&mut state, run),
            Action::Force(run) => {
                state.left.forces -= 1;
                end(&mut state.runs[run], Author::Force);
            }
            Action::SweepLooks(run) => {
                let row = &state.runs[run];
                state.look = Some(Look {
                    run,
                    attempt: row.attempt,
                    lost: row.lost,
                    cancel: row.cancel,
                });
            }
            Action::SweepSettles => self.settle(&mut state)?,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

fn worker_actions(state: &State, index: usize, worker: &Worker, actions: &mut Vec<Action>) {
    let left = state.left;
    match worker {
        Worker::Dead => actions.push(Action::Restart(index)),
        Worker::Idle => {
            if state.runs.iter().any(|run| run.status == Status::Queued) {
                actions.push(Action::Claim(index));
            }
        }
        Worker::Working(hold) if hold.paused => actions.push(Action::Resume(index)),
        Worker::Working(_) => {
            actions.push(Action::Finish(index));
            for (may, action) in [
                (left.beats, Action::Beat(index)),
                (left.hand_backs, Action::HandBack(index)),
                (left.pauses, Action::Pause(index)),
                (left.crashes, Action::Crash(index)),
            ] {
                if may > 0 {
                    actions.push(action);
                }
            }
        }
    }
}

fn hold(state: &mut State, worker: usize) -> Option<&mut Hold> {
    match &mut state.workers[worker] {
        Worker::Working(hold) => Some(hold),
        Worker::Idle | Worker::Dead => None,
    }
}

/// Time passes: the row's lease and what its holder was promised are one.
fn lease_ends(state: &mut State, run: usize) {
    let attempt = state.runs[run].attempt;
    state.runs[run].lease = false;
    for worker in 0..WORKERS {
        if let Some(hold) = hold(state, worker)
            && (hold.run, hold.attempt) == (run, attempt)
        {
            hold.lease = false;
        }
    }
}

fn end(run: &mut Run, author: Author) {
    run.revived |= run.status == Status::Completed;
    run.status = Status::Completed;
    run.lease = false;
    run.ends.push(author);
}

impl Lease {
    fn start(&self, state: &mut State) -> Option<()> {
        let free = (0..RUNS).find(|run| state.runs[*run].status == Status::Absent)?;
        if self.variant == Variant::NoUniqueScope {
            state.saw_free -= 1;
        } else {
            state.left.starts -= 1;
        }
        state.runs[free].status = Status::Queued;
        Some(())
    }

    fn claim(&self, state: &mut State, worker: usize) -> Option<()> {
        let run = state.runs.iter().position(|run| run.status == Status::Queued)?;
        let row = &mut state.runs[run];
        row.status = Status::Running;
        if self.variant != Variant::ClaimKeepsAttempt {
            row.attempt += 1;
        }
        row.started.push(row.attempt);
        row.lease = true;
        state.workers[worker] = Worker::Working(Hold {
            run,
            attempt: row.attempt,
            lease: true,
            paused: false,
        });
        Some(())
    }

    /// Whether a write of this attempt arrives.
    fn arrives(&self, row: &Run, attempt: u8) -> bool {
        match self.variant {
            Variant::NoFence => row.status != Status::Absent,
            _ => row.status == Status::Running && row.attempt == attempt,
        }
    }

    fn beat(&self, state: &mut State, worker: usize) -> Option<()> {
        state.left.beats -= 1;
        let Hold { run, attempt, .. } = *hold(state, worker)?;
        let row = &state.runs[run];
        if row.status == Status::Running && self.arrives(row, attempt) {
            state.runs[run].lease = true;
            hold(state, worker)?.lease = true;
        } else {
            state.workers[worker] = Worker::Idle;
        }
        Some(())
    }

    fn finish(&self, state: &mut State, worker: usize) -> Option<()> {
        let Hold { run, attempt, .. } = *hold(state, worker)?;
        if self.arrives(&state.runs[run], attempt) {
            end(&mut state.runs[run], Author::Worker(attempt));
        }
        state.workers[worker] = Worker::Idle;
        Some(())
    }

    fn hand_back(&self, state: &mut State, worker: usize) -> Option<()> {
        state.left.hand_backs -= 1;
        let Hold { run, attempt, .. } = *hold(state, worker)?;
        let row = &mut state.runs[run];
        let arrives = row.status == Status::Running && self.arrives(row, attempt);
        if arrives && !row.cancel {
            (row.status, row.lease) = (Status::Queued, false);
        } else if arrives {
            // Somebody asked for the end: it is ended instead.
            end(row, Author::Worker(attempt));
        }
        state.workers[worker] = Worker::Idle;
        Some(())
    }

    fn cancel(&self, state: &mut State, run: usize) {
        state.left.cancels -= 1;
        let row = &mut state.runs[run];
        match row.status {
            Status::Queued => end(row, Author::Canceler),
            Status::Running if self.variant == Variant::CancelFreesAtOnce => end(row, Author::Canceler),
            Status::Running => row.cancel = true,
            Status::Absent | Status::Completed => {}
        }
    }

    /// The second half of the sweep: an update that repeats the whole condition.
    fn settle(&self, state: &mut State) -> Option<()> {
        let look = state.look.take()?;
        let row = &mut state.runs[look.run];
        let fenced = row.status == Status::Running && row.attempt == look.attempt;
        let may = match self.variant {
            Variant::SweepById => row.status != Status::Absent,
            Variant::SweepWithoutLease => fenced,
            _ => fenced && !row.lease,
        };
        // A cancel request that came after the look keeps the run from being queued again.
        let requeue = !look.cancel && look.lost + 1 < MAX_LOST;
        if !may || (requeue && row.cancel && self.variant != Variant::SweepById) {
            return Some(());
        }
        row.robbed |= row.lease;
        if requeue {
            row.revived |= row.status == Status::Completed;
            (row.status, row.lease) = (Status::Queued, false);
            row.lost += 1;
        } else {
            end(row, Author::Sweep);
        }
        Some(())
    }
}
