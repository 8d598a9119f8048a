//! Takes steps on a real database, through the ports that the API and the worker use.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use kernel::{Clock as _, SystemClock, SystemIds, Timestamp};
use operations::{
    ClaimedRun, ConnectionChoice, Fence, HandBack, Heartbeat, OperationRun, OperationType, PerLane,
    QueueSettings, RunOutcome, RunTrigger, StartOutcome, StartRequest, WorkerName, gate,
};
use provider_core::{ReasonCode, RunId, testing::FakeProvider};
use serde_json::Map;
use tenancy::{AuditAction, Change, WorkspaceScope};

use super::{
    bugs::Bug,
    ground::Ground,
    history::{Event, Heard, History},
    raw::Raw,
    reference::Rules,
    steps::{Row, Seen, Step},
    world::{Ports, entry},
};

/// Long enough that no lease ends by itself.
const LEASE: Duration = Duration::from_hours(1);

/// A sequence on a database, and what happened in it.
pub struct Driver {
    ports: Ports,
    raw: Raw,
    rules: Rules,
    ground: Ground,
    runs: Vec<(WorkspaceScope, RunId)>,
    claims: Vec<ClaimedRun>,
    begin: Timestamp,
    bug: Option<Bug>,
    /// What was answered to starts.
    pub history: History,
}

impl Driver {
    /// On `ground`, of which nothing is active.
    pub fn new(ports: Ports, raw: Raw, rules: Rules, ground: Ground) -> Self {
        Self {
            ports,
            raw,
            rules,
            ground,
            runs: Vec::new(),
            claims: Vec::new(),
            begin: SystemClock.now(),
            bug: None,
            history: History::default(),
        }
    }

    /// The same with a bug in it.
    #[must_use]
    pub fn with(mut self, bug: Option<Bug>) -> Self {
        self.bug = bug;
        self
    }

    /// Takes a step, and tells what came of it.
    pub async fn take(&mut self, step: Step) -> Seen {
        if let Some(sql) = self.bug.and_then(|bug| bug.before(step, self)) {
            self.raw.change(&sql).await;
        }
        match step {
            Step::Start { scope, operation } => self.start(scope, operation).await,
            Step::Claim { worker, limit } => self.claim(worker, limit).await,
            Step::Heartbeat { claim } => self.heartbeat(claim).await,
            Step::HandBack { claim, later } => self.hand_back(claim, later).await,
            Step::Finish { claim } => self.finish(claim).await,
            Step::Cancel { run } => self.cancel(run).await,
            Step::Force { run } => self.force(run).await,
            Step::LeaseEnds { run } => self.time(run, "lease_until", "status = 'running'").await,
            Step::PauseEnds { run } => self.time(run, "not_before", "not_before IS NOT NULL").await,
            Step::Sweep => {
                let report = self.ports.queue.sweep(&self.settings()).await.expect("sweeps");
                Seen::Swept(report.requeued, report.failed)
            }
        }
    }

    /// The rows as they are, in the order in which the runs were accepted.
    pub async fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let soon = (SystemClock.now() + TimeDelta::minutes(1)).timestamp_micros();
        let Some(ids) = self.ids() else { return rows };
        let here = self.ground.workspaces(&self.raw);
        let found = self
            .raw
            .rows(&format!(
                "SELECT status, outcome, attempt, lost_leases, cancel_requested_at IS NOT NULL AS cancel,
                coalesce(not_before, 0) > {soon} AS paused
                FROM operation_runs WHERE workspace_id IN ({here}) AND id IN ({ids}) ORDER BY created_at, id"
            ))
            .await;
        for row in found {
            rows.push(Row {
                status: row.try_get("", "status").expect("text"),
                outcome: row.try_get("", "outcome").expect("text"),
                attempt: row.try_get("", "attempt").expect("a number"),
                lost: row.try_get("", "lost_leases").expect("a number"),
                cancel: row.try_get("", "cancel").expect("a truth"),
                paused: row.try_get("", "paused").expect("a truth"),
            });
        }
        rows
    }

    /// Ends what is still active, so that another case on the same database meets nothing of it.
    pub async fn close(&mut self) {
        for run in 0..self.runs.len() {
            self.end_by_force(run).await;
        }
    }

    fn settings(&self) -> QueueSettings {
        QueueSettings {
            lease: LEASE,
            max_attempts: self.rules.max_attempts,
            workspace_limit: u32::try_from(self.rules.workspace_limit).expect("small"),
            check_workspace_limit: u32::try_from(self.rules.workspace_limit).expect("small"),
            ..QueueSettings::default()
        }
    }

    fn number(&self, id: RunId) -> usize {
        let found = self.runs.iter().position(|(_, known)| *known == id);
        found.unwrap_or(usize::MAX)
    }

    async fn start(&mut self, scope: u8, operation: u8) -> Seen {
        let scopes = &self.ground.0;
        let (place, connection) = &scopes[usize::from(scope) % scopes.len()];
        let request = StartRequest {
            operation_type: OperationType::STARTABLE[usize::from(operation) % self.rules.operations],
            environment_id: place.environment,
            inputs: Map::new(),
            trigger: RunTrigger::Api { retry_of: None },
        };
        let choice = ConnectionChoice::Use(Box::new(connection.clone()), Vec::new());
        // Runs of a case are told apart by a microsecond, so that their order is known.
        let age = i64::try_from(self.runs.len()).expect("few");
        let now = self.begin + TimeDelta::microseconds(age);
        let run = gate::prepare(&place.scope, request, &choice, &FakeProvider, &SystemIds, now);
        let change = entry(&place.scope, &run, AuditAction::OperationAccepted);
        let (asked, from) = (Instant::now(), SystemClock.now());
        let outcome = self.through_the_gate(&place.scope, run, &change).await;
        let (seen, heard) = match outcome {
            StartOutcome::Accepted(run) => {
                let scope = place.scope.clone();
                self.runs.push((scope, run.id));
                (
                    Seen::Accepted(self.runs.len() - 1),
                    Heard::Accepted(run.id.to_string()),
                )
            }
            StartOutcome::Deduplicated(run) => {
                let seen = Seen::Deduplicated(self.number(run.id));
                (seen, Heard::Deduplicated(run.id.to_string()))
            }
            StartOutcome::ScopeBusy { holder } => {
                let seen = Seen::ScopeBusy(self.number(holder.id));
                (seen, Heard::ScopeBusy(holder.id.to_string()))
            }
            StartOutcome::Blocked(run) => panic!("blocked: {:?}", run.context.reason_code),
        };
        let heard = match self.bug {
            Some(bug) => bug.answer(heard, self.runs.first().map(|(_, id)| id.to_string())),
            None => heard,
        };
        self.history.0.push(Event {
            slot: 0,
            span: (asked, Instant::now()),
            wall: (from, SystemClock.now()),
            heard,
        });
        seen
    }

    async fn through_the_gate(
        &self,
        scope: &WorkspaceScope,
        run: OperationRun,
        change: &Change,
    ) -> StartOutcome {
        let mut unit = self.ports.storage.begin().await.expect("begins");
        if self.bug == Some(Bug::NoIndex) {
            // An insert that does not ask the index.
            unit.runs()
                .insert_blocked(scope, &run, change)
                .await
                .expect("inserts");
            unit.commit().await.expect("commits");
            return StartOutcome::Accepted(run);
        }
        let outcome = gate::start(unit.runs().as_mut(), scope, run, change)
            .await
            .expect("settles");
        let answers_early = self.bug == Some(Bug::AnswerBeforeCommit) && self.runs.len() % 3 == 2;
        if !answers_early {
            unit.commit().await.expect("commits");
        }
        outcome
    }

    async fn claim(&mut self, worker: u8, limit: u8) -> Seen {
        let name = WorkerName::new(&format!("worker-{}", worker % 2));
        let limit = PerLane::all(u32::from(limit.max(1)));
        let mut claimed = self
            .ports
            .queue
            .claim(&name, &self.settings(), limit)
            .await
            .expect("claims");
        claimed.sort_by_key(|claimed| self.number(claimed.run.id));
        let seen = claimed
            .iter()
            .map(|claimed| (self.number(claimed.run.id), claimed.lease.attempt))
            .collect();
        self.claims.extend(claimed);
        Seen::Claimed(seen)
    }

    /// SQL for the id of a run that a claim took, and the attempt.
    pub fn taken(&self, claim: u8) -> Option<(String, i32)> {
        let claimed = self.claimed(claim)?;
        Some((self.raw.uuid(claimed.run.id.as_uuid()), claimed.lease.attempt))
    }

    /// SQL for the ids of all runs of this sequence.
    pub fn ids(&self) -> Option<String> {
        let ids: Vec<_> = self
            .runs
            .iter()
            .map(|(_, id)| self.raw.uuid(id.as_uuid()))
            .collect();
        (!ids.is_empty()).then(|| ids.join(", "))
    }

    fn claimed(&self, number: u8) -> Option<&ClaimedRun> {
        let count = self.claims.len();
        (count > 0).then(|| &self.claims[usize::from(number) % count])
    }

    async fn heartbeat(&self, claim: u8) -> Seen {
        let Some(claimed) = self.claimed(claim) else {
            return Seen::Nothing;
        };
        match self
            .ports
            .queue
            .heartbeat(&claimed.lease, LEASE, None)
            .await
            .expect("answers")
        {
            Heartbeat::Renewed { cancel_requested } => Seen::Renewed(cancel_requested),
            Heartbeat::Lost => Seen::Lost,
        }
    }

    async fn hand_back(&self, claim: u8, later: bool) -> Seen {
        let Some(ClaimedRun { scope, run, lease }) = self.claimed(claim) else {
            return Seen::Nothing;
        };
        let delay = if later {
            Duration::from_hours(1)
        } else {
            Duration::ZERO
        };
        let change = entry(scope, run, AuditAction::OperationRequeued).with("attempt", lease.attempt);
        let mut unit = self.ports.storage.begin().await.expect("begins");
        let handed = unit
            .attempts()
            .hand_back(scope, lease, (delay, None), &change)
            .await
            .expect("answers");
        if handed == HandBack::Done {
            unit.commit().await.expect("commits");
        }
        Seen::HandedBack(handed)
    }

    async fn finish(&self, claim: u8) -> Seen {
        let Some(ClaimedRun { scope, run, lease }) = self.claimed(claim) else {
            return Seen::Nothing;
        };
        let end = run
            .end_because(RunOutcome::Failed, ReasonCode::ProviderUnavailable)
            .expect("it was claimed");
        let change = entry(scope, run, AuditAction::OperationCompleted).with("attempt", lease.attempt);
        let mut unit = self.ports.storage.begin().await.expect("begins");
        let fence = unit
            .attempts()
            .finish(scope, lease, &end, &change)
            .await
            .expect("answers");
        if fence == Fence::Held {
            unit.commit().await.expect("commits");
        }
        Seen::Finished(fence)
    }

    fn picked(&self, number: u8) -> Option<usize> {
        let count = self.runs.len();
        (count > 0).then(|| usize::from(number) % count)
    }

    /// The run as it stands; nothing if it is gone, which the checks will tell.
    async fn present(&self, run: usize) -> Option<OperationRun> {
        let (scope, id) = &self.runs[run];
        let session = self.ports.storage.read().await.expect("reads");
        session.runs().find(scope, *id).await.expect("reads")
    }

    /// As `POST .../cancel` does it.
    async fn cancel(&self, run: u8) -> Seen {
        let Some(run) = self.picked(run) else {
            return Seen::Nothing;
        };
        let (scope, id) = &self.runs[run];
        let Some(present) = self.present(run).await else {
            return Seen::Nothing;
        };
        let Ok(end) = present.end_because(RunOutcome::Canceled, ReasonCode::RunCanceled) else {
            return Seen::CancelRefused;
        };
        let canceled = entry(scope, &present, AuditAction::OperationCanceled);
        let asked = entry(scope, &present, AuditAction::OperationCancelRequested);
        let mut unit = self.ports.storage.begin().await.expect("begins");
        let mut runs = unit.runs();
        let ended = match self.bug {
            Some(Bug::CancelFreesAtOnce) => runs.end_active(scope, *id, &end, &canceled).await,
            Some(_) | None => runs.end_queued(scope, *id, &end, &canceled).await,
        };
        drop(runs);
        let ended = ended.expect("answers");
        let seen = if ended {
            Seen::Canceled
        } else if unit
            .runs()
            .request_cancel(scope, *id, &asked)
            .await
            .expect("answers")
        {
            Seen::CancelAsked
        } else {
            Seen::CancelRefused
        };
        unit.commit().await.expect("commits");
        seen
    }

    async fn force(&self, run: u8) -> Seen {
        match self.picked(run) {
            Some(run) => Seen::Forced(self.end_by_force(run).await),
            None => Seen::Nothing,
        }
    }

    async fn end_by_force(&self, run: usize) -> bool {
        let (scope, id) = &self.runs[run];
        let Some(present) = self.present(run).await else {
            return false;
        };
        let Ok(end) = present.end_because(RunOutcome::Canceled, ReasonCode::RunCanceled) else {
            return false;
        };
        let change = entry(scope, &present, AuditAction::OperationCompleted).with("attempt", present.attempt);
        let mut unit = self.ports.storage.begin().await.expect("begins");
        let ended = unit
            .runs()
            .end_active(scope, *id, &end, &change)
            .await
            .expect("answers");
        unit.commit().await.expect("commits");
        ended
    }

    /// What time does, without waiting for it.
    async fn time(&self, run: u8, column: &str, only: &str) -> Seen {
        let Some(run) = self.picked(run) else {
            return Seen::Nothing;
        };
        let id = self.raw.uuid(self.runs[run].1.as_uuid());
        let here = self.ground.workspaces(&self.raw);
        self.raw
            .change(&format!(
                "UPDATE operation_runs SET {column} = 1 WHERE workspace_id IN ({here}) AND id = {id} AND {only}"
            ))
            .await;
        Seen::Passed
    }
}
