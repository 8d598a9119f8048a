//! Housekeeping: starting the run when a workspace's turn comes, and executing it. It removes what is older than
//! it is kept, batch by batch, and calls no provider.

use std::{sync::Arc, time::Duration};

use kernel::{Clock, IdSource, StoreError, Timestamp};
use operations::{
    ClaimedRun, GateError, Retention, RetentionKind, RetentionSettings, RunOutcome, StartOutcome,
    change_target, gate,
    retention::{self, KeepDays, PruneStep, Pruned},
};
use provider_core::{Interrupt, Progress, ReasonCode, RunSignals as _};
use storage::Storage;
use tenancy::{AuditAction, Change, SystemTask, WorkspaceId, WorkspaceScope};
use tokio::sync::Notify;

use crate::{caretaker::Chore, finish::Work, outcome::Ending, signals::Signals};

/// What one look at the turns came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HousekeepingReport {
    /// Runs that were started.
    pub started: u64,
}

/// Starts housekeeping runs. Any number of processes may do it at the same time: the row of the turn and the
/// index of active runs decide.
pub struct Housekeeper {
    /// Where runs are started.
    pub storage: Arc<dyn Storage>,
    /// Whose turn it is.
    pub retention: Arc<dyn Retention>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Called when a run was started.
    pub wake: Arc<Notify>,
    /// The numbers.
    pub settings: RetentionSettings,
}

impl Housekeeper {
    /// Starts a run in each workspace whose turn has come.
    ///
    /// # Errors
    /// The store's. What was started stays started.
    pub async fn run_once(&self) -> Result<HousekeepingReport, StoreError> {
        let mut report = HousekeepingReport::default();
        if self.settings.keep == KeepDays::FOR_EVER {
            return Ok(report);
        }
        let now = self.clock.now();
        for (workspace, due) in self.retention.due(&self.settings, now).await? {
            if self.start(workspace, due, now).await? {
                report.started += 1;
            }
        }
        if report.started > 0 {
            self.wake.notify_one();
        }
        Ok(report)
    }

    /// As a chore.
    pub fn chore(self, every: Duration) -> Chore {
        let housekeeper = Arc::new(self);
        Chore::new("housekeeping", every, move || {
            let housekeeper = Arc::clone(&housekeeper);
            async move { housekeeper.run_once().await.map(drop) }
        })
    }

    /// Turn and run in one transaction. Where another housekeeping run is still active, the turn stays due.
    async fn start(
        &self,
        workspace: WorkspaceId,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let scope = scope(workspace);
        let next = self.settings.next_turn(due, now);
        let run = retention::run(&scope, self.ids.as_ref(), now);
        let target = change_target(&run);
        let change = Change::new(
            &scope,
            AuditAction::OperationAccepted,
            target,
            now,
            self.ids.as_ref(),
        )
        .with("operation_type", run.operation_type.as_str())
        .with("trigger", run.trigger.as_str());
        let mut unit = self.storage.begin().await?;
        if !unit.retention().take(&scope, due, next).await? {
            return Ok(false);
        }
        match gate::start(&mut *unit.runs(), &scope, run, &change).await {
            Ok(StartOutcome::Accepted(_)) => {}
            Ok(StartOutcome::Deduplicated(_) | StartOutcome::ScopeBusy { .. } | StartOutcome::Blocked(_))
            | Err(GateError::Unsettled) => return Ok(false),
            Err(GateError::Store(error)) => return Err(error),
        }
        unit.commit().await?;
        Ok(true)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the system starts housekeeping by itself"
)]
fn scope(workspace: WorkspaceId) -> WorkspaceScope {
    WorkspaceScope::for_system(workspace, SystemTask::Housekeeping)
}

/// Removes everything that is too old, kind by kind. Cutoffs count from the moment at which the run was made, so
/// that every attempt at it removes the same; what earlier attempts removed is counted already.
pub(crate) async fn attempt(work: Work<'_>, signals: &Signals<'_>) -> Result<(), StoreError> {
    let Work { parts, claimed, .. } = work;
    let ClaimedRun { run, lease, .. } = claimed;
    let settings = &parts.settings.retention;
    let mut counts = run.counts.clone();
    let total = RetentionKind::ALL.len() as u64;
    let mut outcome = RunOutcome::Succeeded;
    'kinds: for (processed, kind) in (0..).zip(RetentionKind::ALL) {
        let Some(before) = settings.keep.before(kind, run.created_at) else {
            continue;
        };
        let mut after = None;
        loop {
            match signals.checkpoint(Some(Progress { processed, total })).await {
                // The next batch hears of a wish to end from the row itself.
                Ok(()) | Err(Interrupt::CancelRequested) => {}
                Err(Interrupt::Lost | Interrupt::StoreFailed { .. }) => return Ok(()),
            }
            let step = PruneStep {
                kind,
                before,
                after,
                batch: settings.batch,
                counts: &counts,
            };
            match parts.retention.prune(lease, &step).await? {
                Pruned::Lost => return Ok(()),
                Pruned::CancelRequested => {
                    outcome = RunOutcome::Canceled;
                    break 'kinds;
                }
                Pruned::Batch { counts: sum, next } => {
                    counts = sum;
                    after = next;
                }
            }
            if after.is_none() {
                break;
            }
        }
    }
    let context = run.context.clone();
    let mut ending = match outcome {
        RunOutcome::Canceled => Ending::because(outcome, context, ReasonCode::RunCanceled),
        _ => Ending::new(outcome, context),
    };
    ending.counts = counts;
    work.finish(ending).await.map(drop)
}
