//! What the start gate and the queue must do, in sixty lines of plain code without a database:
//! the model that every step of the property tests is compared with.

use operations::{Fence, HandBack};

use super::steps::{Row, Seen, Step};

/// The numbers of a case.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The workspace of each scope.
    pub workspace_of: &'static [usize],
    /// How many kinds of operation there are.
    pub operations: usize,
    /// Runs of one workspace at the same time in a lane.
    pub workspace_limit: usize,
    /// How many leases a run may lose before it fails.
    pub max_attempts: i32,
}

/// Two workspaces, one with three scopes and one with two; small limits, so that they are met.
pub const RULES: Rules = Rules {
    workspace_of: &[0, 0, 0, 1, 1],
    operations: 3,
    workspace_limit: 2,
    max_attempts: 2,
};

/// The operation that has a lane of its own: connection checks, the first of the catalogue.
const CHECK: usize = 0;

#[derive(Debug, Clone)]
struct Run {
    scope: usize,
    operation: usize,
    row: Row,
    leased: bool,
}

impl Run {
    fn active(&self) -> bool {
        self.row.status != "completed"
    }

    fn end(&mut self, outcome: &str) {
        "completed".clone_into(&mut self.row.status);
        outcome.clone_into(&mut self.row.outcome);
        (self.leased, self.row.paused) = (false, false);
    }

    fn wait(&mut self, paused: bool) {
        "queued".clone_into(&mut self.row.status);
        (self.leased, self.row.paused) = (false, paused);
    }
}

/// The model.
#[derive(Debug, Clone)]
pub struct Reference {
    rules: Rules,
    runs: Vec<Run>,
    /// Every claim ever made: the run and the attempt.
    claims: Vec<(usize, i32)>,
}

impl Reference {
    /// Nothing started yet.
    pub const fn new(rules: Rules) -> Self {
        Self {
            rules,
            runs: Vec::new(),
            claims: Vec::new(),
        }
    }

    /// The rows as they must be.
    pub fn rows(&self) -> Vec<Row> {
        self.runs.iter().map(|run| run.row.clone()).collect()
    }

    /// Takes a step, and says what must come of it.
    pub fn take(&mut self, step: Step) -> Seen {
        match step {
            Step::Start { scope, operation } => self.start(scope, operation),
            Step::Claim { limit, .. } => self.claim(usize::from(limit.max(1))),
            Step::Heartbeat { claim } => self.held(claim, |run| {
                run.leased = true;
                Seen::Renewed(run.row.cancel)
            }),
            Step::HandBack { claim, later } => match self.held(claim, |run| {
                if run.row.cancel {
                    return Seen::HandedBack(HandBack::CancelRequested);
                }
                run.wait(later);
                Seen::HandedBack(HandBack::Done)
            }) {
                Seen::Lost => Seen::HandedBack(HandBack::Lost),
                seen => seen,
            },
            Step::Finish { claim } => match self.held(claim, |run| {
                run.end("failed");
                Seen::Finished(Fence::Held)
            }) {
                Seen::Lost => Seen::Finished(Fence::Lost),
                seen => seen,
            },
            Step::Cancel { run } => self.run(run).map_or(Seen::Nothing, cancel),
            Step::Force { run } => self.run(run).map_or(Seen::Nothing, |run| {
                let active = run.active();
                if active {
                    run.end("canceled");
                }
                Seen::Forced(active)
            }),
            Step::LeaseEnds { run } => self.run(run).map_or(Seen::Nothing, |run| {
                run.leased = false;
                Seen::Passed
            }),
            Step::PauseEnds { run } => self.run(run).map_or(Seen::Nothing, |run| {
                run.row.paused = false;
                Seen::Passed
            }),
            Step::Sweep => self.sweep(),
        }
    }

    fn run(&mut self, number: u8) -> Option<&mut Run> {
        let count = self.runs.len();
        (count > 0).then(|| &mut self.runs[usize::from(number) % count])
    }

    /// What a claim may still do to its run; [`Seen::Lost`] if it holds it no more.
    fn held(&mut self, number: u8, act: impl FnOnce(&mut Run) -> Seen) -> Seen {
        if self.claims.is_empty() {
            return Seen::Nothing;
        }
        let (run, attempt) = self.claims[usize::from(number) % self.claims.len()];
        let run = &mut self.runs[run];
        if run.row.status == "running" && run.row.attempt == attempt {
            act(run)
        } else {
            Seen::Lost
        }
    }

    fn start(&mut self, scope: u8, operation: u8) -> Seen {
        let scope = usize::from(scope) % self.rules.workspace_of.len();
        let operation = usize::from(operation) % self.rules.operations;
        let holder = self
            .runs
            .iter()
            .position(|run| run.scope == scope && run.active());
        match holder {
            Some(holder) if self.runs[holder].operation == operation => Seen::Deduplicated(holder),
            Some(holder) => Seen::ScopeBusy(holder),
            None => {
                let row = Row {
                    status: "queued".to_owned(),
                    outcome: "pending".to_owned(),
                    attempt: 0,
                    lost: 0,
                    cancel: false,
                    paused: false,
                };
                let leased = false;
                self.runs.push(Run {
                    scope,
                    operation,
                    row,
                    leased,
                });
                Seen::Accepted(self.runs.len() - 1)
            }
        }
    }

    /// A run's place is the number of runs that its workspace would have in front of it in its lane.
    /// Each lane has as many slots.
    fn claim(&mut self, limit: usize) -> Seen {
        let mut taken = Vec::new();
        for checks in [true, false] {
            taken.extend(self.picked(checks).into_iter().take(limit));
        }
        taken.sort_unstable();
        let claimed: Vec<_> = taken
            .into_iter()
            .map(|number| (number, self.begin(number)))
            .collect();
        self.claims.extend(&claimed);
        Seen::Claimed(claimed)
    }

    /// The runs of a lane that may begin, in the order of their places.
    fn picked(&self, checks: bool) -> Vec<usize> {
        let lane = |run: &Run| (run.operation == CHECK) == checks;
        let workspace = |run: &Run| self.rules.workspace_of[run.scope];
        let running = |wanted: usize| {
            let at_work = |run: &&Run| run.row.status == "running" && lane(run) && workspace(run) == wanted;
            self.runs.iter().filter(at_work).count()
        };
        let mut in_front: [usize; 2] = [running(0), running(1)];
        let mut places = Vec::new();
        for (number, run) in self.runs.iter().enumerate() {
            if run.row.status == "queued" && lane(run) && !run.row.paused {
                in_front[workspace(run)] += 1;
                places.push((in_front[workspace(run)], number));
            }
        }
        places.retain(|(place, _)| *place <= self.rules.workspace_limit);
        places.sort_unstable();
        places.into_iter().map(|(_, number)| number).collect()
    }

    fn begin(&mut self, number: usize) -> i32 {
        let run = &mut self.runs[number];
        "running".clone_into(&mut run.row.status);
        run.row.attempt += 1;
        run.leased = true;
        run.row.attempt
    }

    fn sweep(&mut self) -> Seen {
        let (mut requeued, mut ended) = (0, 0);
        for run in &mut self.runs {
            if run.row.status != "running" || run.leased {
                continue;
            }
            if run.row.cancel {
                run.end("canceled");
                ended += 1;
            } else if run.row.lost + 1 >= self.rules.max_attempts {
                run.end("failed");
                ended += 1;
            } else {
                run.wait(false);
                run.row.lost += 1;
                requeued += 1;
            }
        }
        Seen::Swept(requeued, ended)
    }
}

fn cancel(run: &mut Run) -> Seen {
    match run.row.status.as_str() {
        "queued" => {
            run.end("canceled");
            Seen::Canceled
        }
        "running" if !run.row.cancel => {
            run.row.cancel = true;
            Seen::CancelAsked
        }
        _ => Seen::CancelRefused,
    }
}
