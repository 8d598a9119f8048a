//! Writes the end of an attempt: the run, what it says about the connection, its snapshot and
//! the journal, in one transaction that begins with the fence.

use std::time::Duration;

use inventory::ComplianceSnapshot;
use kernel::{Id, StoreError};
use operations::{
    ClaimedRun, Fence, HandBack, OperationRun, RunOutcome, RunState, Waiting, audit_outcome, change_target,
};
use provider_core::ReasonCode;
use storage::UnitOfWork;
use tenancy::{AuditAction, Change, ChangeTarget};
use tokio::time::{Instant, sleep_until};

use crate::{
    calls::CallBook,
    checking::Wait,
    outcome::{Ending, Finding},
    worker::WorkerParts,
};

/// An attempt at a run on its way to an end.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub(crate) parts: &'a WorkerParts,
    pub(crate) claimed: &'a ClaimedRun,
    /// What its calls came to goes with whatever ends it.
    pub(crate) calls: &'a CallBook,
    /// Before the run was claimed, on this process's own clock.
    pub(crate) asked_at: Instant,
}

/// What is written of an attempt that did not write its own end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leave {
    /// The run waits again, at least so long, and shows why.
    HandBack(Duration, Option<ReasonCode>),
    /// The run fails.
    Fail(ReasonCode),
}

/// The pause before a write is tried again that the store did not take.
const AGAIN: Duration = Duration::from_secs(1);

impl Work<'_> {
    /// When the run has had all the time that its type may take. What it worked before is what the
    /// database says; from the claim on this process's own clock goes.
    pub(crate) fn deadline(self) -> Instant {
        let run = &self.claimed.run;
        let worked = match run.state() {
            RunState::Running { heartbeat_at, .. } => run.worked(heartbeat_at),
            RunState::Queued | RunState::Gathering { .. } | RunState::Completed { .. } => Duration::ZERO,
        };
        self.asked_at + run.operation_type.run_timeout().saturating_sub(worked)
    }

    /// Writes what is left to be written, however long the store is away: a run that nobody gives back
    /// counts as lost once the store is there again. Ends as well when the run belongs to others.
    pub(crate) async fn leave(self, leave: Leave) {
        let run_id = self.claimed.run.id;
        let mut leave = leave;
        let mut tries = 0_u32;
        loop {
            let written = match leave {
                Leave::HandBack(delay, reason) => self.hand_back(delay, reason).await,
                Leave::Fail(reason) => {
                    let context = self.claimed.run.context.clone();
                    self.finish(Ending::because(RunOutcome::Failed, context, reason))
                        .await
                }
            };
            match written {
                Ok(_) => return,
                Err(error) if error.retryable() => {
                    if tries == 0 {
                        tracing::error!(%run_id, %error, "the end of an attempt cannot be written yet");
                    }
                    tries += 1;
                    sleep_until(Instant::now() + AGAIN).await;
                }
                Err(error) => {
                    tracing::error!(%run_id, %error, "the end of an attempt could not be written");
                    match leave {
                        Leave::HandBack(..) => leave = Leave::Fail(ReasonCode::InternalError),
                        Leave::Fail(_) => return,
                    }
                }
            }
        }
    }

    /// Ends the run. [`Fence::Lost`] means that nothing was written.
    pub(crate) async fn finish(self, ending: Ending) -> Result<Fence, StoreError> {
        let Self { parts, claimed, .. } = self;
        let ClaimedRun { scope, run, lease } = claimed;
        let Ending {
            outcome,
            context,
            counts,
            failures,
            finding,
            measurement,
        } = ending;
        let reason = context.reason_code;
        let Ok(completion) = run.complete(outcome, context, counts, failures) else {
            return Ok(Fence::Lost);
        };
        let mut change =
            change(parts, claimed, AuditAction::OperationCompleted).with("outcome", outcome.as_str());
        change.outcome = audit_outcome(outcome);
        if let Some(reason) = reason {
            change = change.with("reason_code", reason.as_str());
        }
        let mut told = self.calls.take();
        fail::fail_point!("worker.before_result_tx");
        let mut unit = parts.storage.begin().await?;
        if unit.attempts().finish(scope, lease, &completion, &change).await? == Fence::Lost {
            return Ok(Fence::Lost);
        }
        if let Some(finding) = finding {
            record(parts, claimed, unit.as_mut(), finding).await?;
        }
        if let (Some(measurement), Some(target)) = (measurement, run.target()) {
            let snapshot = ComplianceSnapshot {
                id: Id::next(parts.ids.as_ref()),
                connection_id: target.connection_id,
                run_id: run.id,
                taken_at: parts.clock.now(),
                controls: measurement.controls,
            };
            unit.inventory().insert_snapshot(scope, &snapshot).await?;
        }
        told.join(unit.as_mut(), claimed).await;
        fail::fail_point!("worker.after_result_before_commit");
        told.commit(unit.commit()).await?;
        fail::fail_point!("worker.after_commit_before_ack");
        tracing::info!(
            run_id = %run.id,
            operation_type = run.operation_type.as_str(),
            attempt = lease.attempt,
            outcome = outcome.as_str(),
            reason_code = reason.map(ReasonCode::as_str),
            "run ended"
        );
        Ok(Fence::Held)
    }

    /// Gives the run back until the provider may have caught up, and writes down what is known
    /// meanwhile.
    pub(crate) async fn wait(self, wait: Wait) -> Result<Fence, StoreError> {
        let Wait {
            delay,
            reason,
            observation,
        } = wait;
        self.give_back((delay, Some(reason)), Some(Finding::Connection(observation)))
            .await
    }

    /// Gives the run back, to be taken again after `delay`; ends it instead if somebody asked for
    /// that, or if it could not end in time any more. A run that waits holds its scope, so it must
    /// not wait for what cannot come.
    pub(crate) async fn hand_back(
        self,
        delay: Duration,
        reason: Option<ReasonCode>,
    ) -> Result<Fence, StoreError> {
        self.give_back((delay, reason), None).await
    }

    async fn give_back(
        self,
        (delay, reason): (Duration, Option<ReasonCode>),
        finding: Option<Finding>,
    ) -> Result<Fence, StoreError> {
        let Self { parts, claimed, .. } = self;
        let context = claimed.run.context.clone();
        if let Some(reason) = reason.filter(|reason| self.too_late(delay, *reason)) {
            let mut ended = Ending::because(RunOutcome::Failed, context, reason);
            ended.finding = finding.map(|finding| finding.without_another_look(reason));
            return self.finish(ended).await;
        }
        let mut change =
            change(parts, claimed, AuditAction::OperationRequeued).with("delay_seconds", delay.as_secs());
        if let Some(reason) = reason {
            change = change.with("reason_code", reason.as_str());
        }
        let mut told = self.calls.take();
        let mut unit = parts.storage.begin().await?;
        let handed = unit
            .attempts()
            .hand_back(&claimed.scope, &claimed.lease, (delay, reason), &change)
            .await?;
        match handed {
            HandBack::Done => {
                if let Some(finding) = finding {
                    record(parts, claimed, unit.as_mut(), finding).await?;
                }
                told.join(unit.as_mut(), claimed).await;
                told.commit(unit.commit()).await?;
                Ok(Fence::Held)
            }
            HandBack::Lost => Ok(Fence::Lost),
            HandBack::CancelRequested => {
                // Both back first: the end takes a transaction and the calls for itself.
                drop((unit, told));
                let canceled = Ending::because(RunOutcome::Canceled, context, ReasonCode::RunCanceled);
                self.finish(canceled).await
            }
        }
    }

    /// Whether a run that waits for `delay` has no time left when it may begin again. Its own limit
    /// counts work, and a pause that the provider asks for is none; but a single one that is longer
    /// than all the work may be is not worth holding the scope for. How old a run may get is what the
    /// queue says.
    fn too_late(self, delay: Duration, reason: ReasonCode) -> bool {
        let (run, now) = (&self.claimed.run, self.parts.clock.now());
        let limit = run.operation_type.run_timeout();
        let oldest = run.created_at + self.parts.settings.queue.queue_timeout;
        let counted = if Waiting::is_pause(reason) {
            Duration::ZERO
        } else {
            delay
        };
        delay >= limit || run.worked(now) + counted >= limit || now + delay >= oldest
    }
}

/// Writes down what a run found out beside its own end.
async fn record(
    parts: &WorkerParts,
    claimed: &ClaimedRun,
    unit: &mut dyn UnitOfWork,
    finding: Finding,
) -> Result<(), StoreError> {
    let ClaimedRun { scope, run, .. } = claimed;
    let Some(target) = run.target() else {
        return Ok(());
    };
    let found = |action| {
        let connection = ChangeTarget {
            kind: "connection",
            id: target.connection_id.to_string(),
            label: target_label(run),
        };
        let ids = parts.ids.as_ref();
        Change::new(scope, action, connection, parts.clock.now(), ids).with("run_id", run.id.to_string())
    };
    let mut connections = unit.connections();
    match finding {
        Finding::Connection(observation) => {
            let mut change = if observation.credential_opened == Some(false) {
                found(AuditAction::CredentialUndecryptable).failed()
            } else {
                found(AuditAction::ConnectionObserved)
            };
            if let Some((state, _)) = observation.verification {
                change = change.with("verification", state.as_str());
            }
            if let Some((state, _)) = observation.consent {
                change = change.with("consent", state.as_str());
            }
            // An observation of an identity that is gone is not one of this connection.
            let _ = connections
                .record_observation(scope, target.connection_id, &observation, &change)
                .await?;
        }
        Finding::Credential(id, trial) => {
            let mut change = found(AuditAction::CredentialTried);
            if let Some(reason) = trial.reason {
                change = change.failed().with("reason_code", reason.as_str());
            }
            connections.record_trial(scope, id, &trial, &change).await?;
        }
    }
    Ok(())
}

/// The name of the target, as the run was given it.
fn target_label(run: &OperationRun) -> String {
    let scope = run.context.target_scope.as_ref();
    let name = scope.and_then(|scope| scope.get("scope_display_name")?.as_str());
    name.unwrap_or_default().to_owned()
}

fn change(parts: &WorkerParts, claimed: &ClaimedRun, action: AuditAction) -> Change {
    let target = change_target(&claimed.run);
    Change::new(
        &claimed.scope,
        action,
        target,
        parts.clock.now(),
        parts.ids.as_ref(),
    )
    .with("operation_type", claimed.run.operation_type.as_str())
    .with("attempt", claimed.lease.attempt)
}
