//! What the model is about: the rows of one scope, two workers, a sweeper, and two callers who
//! start runs.

/// How many runs one exploration may see on the scope.
pub(super) const RUNS: usize = 3;
/// Workers.
pub(super) const WORKERS: usize = 2;

/// Where a run stands, as its row says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Status {
    /// There is no such row yet.
    #[default]
    Absent,
    Queued,
    Running,
    Completed,
}

/// Who wrote the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Author {
    /// A worker, in this attempt.
    Worker(u8),
    /// The sweep.
    Sweep,
    /// A caller who canceled a run that waited.
    Canceler,
    /// A caller who ended it by force.
    Force,
}

/// A run: its row, and what the journal knows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "columns, and what must never become true"
)]
pub(super) struct Run {
    pub(super) status: Status,
    pub(super) attempt: u8,
    pub(super) lost: u8,
    /// Whether the lease still runs.
    pub(super) lease: bool,
    pub(super) cancel: bool,
    /// The attempts that the journal saw begin.
    pub(super) started: Vec<u8>,
    /// The ends that the journal saw, in order.
    pub(super) ends: Vec<Author>,
    /// Whether the row was touched after its end.
    pub(super) revived: bool,
    /// Whether it was swept while its lease ran.
    pub(super) robbed: bool,
}

impl Run {
    pub(super) const fn active(&self) -> bool {
        matches!(self.status, Status::Queued | Status::Running)
    }
}

/// A worker process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Worker {
    #[default]
    Idle,
    Dead,
    Working(Hold),
}

/// What a worker believes of the run in its hands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Hold {
    pub(super) run: usize,
    pub(super) attempt: u8,
    /// Whether the time that it was promised still runs.
    pub(super) lease: bool,
    /// Stopped: it does nothing until it goes on.
    pub(super) paused: bool,
}

/// What the sweep saw when it looked, before it settles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Look {
    pub(super) run: usize,
    pub(super) attempt: u8,
    pub(super) lost: u8,
    pub(super) cancel: bool,
}

/// What may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Left {
    pub(super) starts: u8,
    pub(super) crashes: u8,
    pub(super) pauses: u8,
    pub(super) beats: u8,
    pub(super) hand_backs: u8,
    pub(super) cancels: u8,
    pub(super) forces: u8,
}

/// Everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) runs: [Run; RUNS],
    pub(super) workers: [Worker; WORKERS],
    pub(super) look: Option<Look>,
    /// Callers who saw the scope free and are about to insert; only where no index decides.
    pub(super) saw_free: u8,
    pub(super) left: Left,
}

impl State {
    pub(super) fn new(left: Left) -> Self {
        Self {
            runs: Default::default(),
            workers: Default::default(),
            look: None,
            saw_free: 0,
            left,
        }
    }

    pub(super) fn scope_is_free(&self) -> bool {
        !self.runs.iter().any(Run::active)
    }
}
