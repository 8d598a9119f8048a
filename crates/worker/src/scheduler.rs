//! Starts what schedules ask for. Safe in every process at the same time: whoever moves a schedule on to its
//! next turn starts the one before, in the same transaction, and nobody else can.
//!
//! Each start is one like any other: the person in whose name it happens must hold the capability at this
//! moment, and the gate decides. Nothing is piled up: what is active already is left out.

use std::sync::Arc;

use kernel::{Clock, IdSource, PageLimit, PageRequest, StoreError, Timestamp};
use operations::{
    BulkStart, ConnectionChoice, DueSchedule, DueSchedules, Firing, GateError, OperationRun, RunTrigger,
    Schedule, ScheduleTarget, StartEntry, StartOutcome, StartRequest, TurnResult, bulk, choose, gate,
};
use provider_core::{ConnectionId, ReasonCode, RunId, ScopeRules};
use storage::{ReadSession, Storage, UnitOfWork};
use tenancy::{AuditAction, Change, EnvironmentId, WorkspaceScope};
use tokio::sync::Notify;

use crate::caretaker::Chore;

/// How many schedules a pass reads at once.
const BATCH: u32 = 50;

/// Starts what schedules ask for.
#[derive(Clone)]
pub struct Scheduler {
    /// Where it reads and writes.
    pub storage: Arc<dyn Storage>,
    /// Finds schedules whose turn has come.
    pub due: Arc<dyn DueSchedules>,
    /// The provider's rules.
    pub rules: Arc<dyn ScopeRules>,
    /// The time of entries and runs. Turns live on the database's clock.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdSource>,
    /// Called when a run was accepted.
    pub wake: Arc<Notify>,
}

/// What a pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SchedulerReport {
    /// Turns that started a run.
    pub started: u64,
    /// Turns that were left out.
    pub skipped: u64,
    /// Turns that were refused; their schedules are paused.
    pub blocked: u64,
}

/// What a turn would start.
enum Plan {
    /// Nothing, and nothing any more until a person looks.
    Pause(ReasonCode),
    /// One run.
    One(Box<OperationRun>),
    /// A group, in the name of this scope.
    Many(WorkspaceScope, Box<BulkStart>),
}

impl Scheduler {
    /// Takes the turns that have come, each at most once, whoever else does the same. One that cannot be taken
    /// keeps no other from its turn, and is tried again with the next pass.
    ///
    /// # Errors
    /// When the store is away: the pass ends there. A turn that it did not answer may have waited for what somebody
    /// holds, so it is asked.
    pub async fn run_once(&self) -> Result<SchedulerReport, StoreError> {
        let mut report = SchedulerReport::default();
        let mut after = None;
        loop {
            let due = self.due.due(BATCH, after).await?;
            let Some(last) = due.last() else { break };
            after = Some(last.place());
            for due in due {
                let started = report.started;
                self.count(due, &mut report).await?;
                if report.started > started {
                    self.wake.notify_one();
                }
            }
        }
        Ok(report)
    }

    /// Takes one turn. The error is that of a store that is away.
    async fn count(&self, due: DueSchedule, report: &mut SchedulerReport) -> Result<(), StoreError> {
        let id = due.schedule.id;
        match self.turn(due).await {
            Ok(None) => {}
            Ok(Some(TurnResult::Started)) => report.started += 1,
            Ok(Some(TurnResult::Blocked)) => report.blocked += 1,
            Ok(Some(TurnResult::SkippedActive | TurnResult::SkippedBusy | TurnResult::SkippedEmpty)) => {
                report.skipped += 1;
            }
            Err(error) => {
                tracing::error!(schedule_id = %id, %error, "a turn was not taken");
                if let GateError::Store(StoreError::Unavailable(_)) = error {
                    self.storage.ready().await?;
                }
            }
        }
        Ok(())
    }

    /// As a chore.
    pub fn chore(self, every: std::time::Duration) -> Chore {
        Chore::new("schedules", every, move || {
            let scheduler = self.clone();
            async move { scheduler.run_once().await.map(drop) }
        })
    }

    /// Takes one turn. Nothing when somebody else took it.
    async fn turn(&self, due: DueSchedule) -> Result<Option<TurnResult>, GateError> {
        let DueSchedule {
            scope,
            schedule,
            slot,
            now,
        } = &due;
        let plan = self.plan(scope, schedule).await?;
        // Every rhythm has a next turn; one that has none any more is not started a last time for ever.
        let Some(next) = schedule.next_slot(slot.tick, *now) else {
            tracing::error!(schedule_id = %schedule.id, "a schedule has no next turn");
            return Ok(None);
        };
        let mut unit = self.storage.begin().await?;
        let taken = unit
            .schedules()
            .take_turn(scope, schedule, slot.tick, next)
            .await?;
        if !taken {
            return Ok(None);
        }
        let firing = match plan {
            Plan::Pause(reason) => Firing {
                result: TurnResult::Blocked,
                run_id: None,
                pause: Some(reason),
            },
            Plan::One(run) => self.start_one(&mut *unit, scope, *run).await?,
            Plan::Many(creator, start) => {
                self.start_many(&mut *unit, (scope, &creator), schedule, *start)
                    .await?
            }
        };
        let change = self.entry(scope, schedule, &firing, slot.tick);
        unit.schedules()
            .settle_turn(scope, schedule, &firing, &change)
            .await?;
        unit.commit().await?;
        Ok(Some(firing.result))
    }

    /// What the turn of `schedule` would start, by the present rows.
    async fn plan(&self, scope: &WorkspaceScope, schedule: &Schedule) -> Result<Plan, StoreError> {
        let session = self.storage.read().await?;
        let responsible = schedule.responsible.principal_id;
        let membership = session.members().membership_of(scope, responsible).await?;
        let capability = schedule.operation_type.definition().capability;
        let creator = membership.and_then(|member| WorkspaceScope::authorize(&member, capability).ok());
        let Some(creator) = creator else {
            return Ok(Plan::Pause(ReasonCode::InitiatorNotEntitled));
        };
        match schedule.target {
            ScheduleTarget::Environment {
                environment_id,
                connection_id,
            } => {
                let trigger = RunTrigger::Schedule(schedule.id);
                let place = (environment_id, connection_id);
                let run = self
                    .prepare(&*session, &creator, schedule, place, trigger)
                    .await?;
                Ok(Plan::One(Box::new(run)))
            }
            ScheduleTarget::AllEnvironments => {
                let group = RunId::next(self.ids.as_ref());
                let trigger = RunTrigger::Bulk { parent: Some(group) };
                let mut members = Vec::new();
                let Some(environments) = everywhere(&*session, scope).await? else {
                    return Ok(Plan::Pause(ReasonCode::TooManyEnvironments));
                };
                for environment in environments {
                    let place = (environment, None);
                    let run = self
                        .prepare(&*session, &creator, schedule, place, trigger)
                        .await?;
                    members.push((environment, Some(run)));
                }
                let start = BulkStart {
                    group,
                    trigger: RunTrigger::Schedule(schedule.id),
                    operation_type: schedule.operation_type,
                    members,
                };
                Ok(Plan::Many(creator, Box::new(start)))
            }
        }
    }

    /// The run with which one environment tries the gate.
    async fn prepare(
        &self,
        session: &dyn ReadSession,
        creator: &WorkspaceScope,
        schedule: &Schedule,
        (environment, connection): (EnvironmentId, Option<ConnectionId>),
        trigger: RunTrigger,
    ) -> Result<OperationRun, StoreError> {
        let (connections, provider) = (session.connections(), self.rules.provider());
        let choice = choose(&*connections, creator, environment, connection, &provider).await?;
        let gone = || ConnectionChoice::Unusable(ReasonCode::ProviderConnectionDeleted);
        let request = StartRequest {
            operation_type: schedule.operation_type,
            environment_id: environment,
            inputs: schedule.inputs.clone(),
            trigger,
        };
        let (rules, ids) = (self.rules.as_ref(), self.ids.as_ref());
        let choice = choice.unwrap_or_else(gone);
        Ok(gate::prepare(
            creator,
            request,
            &choice,
            rules,
            ids,
            self.clock.now(),
        ))
    }

    async fn start_one(
        &self,
        unit: &mut dyn UnitOfWork,
        scope: &WorkspaceScope,
        run: OperationRun,
    ) -> Result<Firing, GateError> {
        let change = self.start_entry(scope, &run);
        let outcome = gate::start(&mut *unit.runs(), scope, run, &change).await?;
        let (result, run) = match outcome {
            StartOutcome::Accepted(run) => (TurnResult::Started, run),
            StartOutcome::Deduplicated(run) => (TurnResult::SkippedActive, run),
            StartOutcome::ScopeBusy { holder } => (TurnResult::SkippedBusy, holder),
            StartOutcome::Blocked(run) => (TurnResult::Blocked, run),
        };
        Ok(Firing {
            result,
            // A run that somebody else started is not the schedule's.
            run_id: (!result.is_skip()).then_some(run.id),
            pause: match result {
                TurnResult::Blocked => Some(refusal(&run)),
                TurnResult::Started
                | TurnResult::SkippedActive
                | TurnResult::SkippedBusy
                | TurnResult::SkippedEmpty => None,
            },
        })
    }

    /// Starts a group, in the creator's name. One environment that is blocked does not pause a schedule
    /// over many; when all are, it pauses.
    async fn start_many(
        &self,
        unit: &mut dyn UnitOfWork,
        (scope, creator): (&WorkspaceScope, &WorkspaceScope),
        schedule: &Schedule,
        start: BulkStart,
    ) -> Result<Firing, GateError> {
        let skip = |result| Firing {
            result,
            run_id: None,
            pause: None,
        };
        if start.members.is_empty() {
            return Ok(skip(TurnResult::SkippedEmpty));
        }
        if let Some(last) = schedule.last.and_then(|last| last.run_id) {
            let last = unit.runs().find(scope, last).await?;
            if last.is_some_and(|run| run.status().is_active()) {
                return Ok(skip(TurnResult::SkippedActive));
            }
        }
        let journal = |run: &OperationRun| self.start_entry(scope, run);
        let now = self.clock.now();
        let started = bulk::start(&mut *unit.runs(), creator, start, now, &journal).await?;
        let tally = started.run.context.group.unwrap_or_default();
        let first_refusal = started.items.iter().find_map(|item| match &item.outcome {
            Some(StartOutcome::Blocked(run)) => Some(refusal(run)),
            Some(_) | None => None,
        });
        let (result, pause) = if tally.accepted > 0 {
            (TurnResult::Started, None)
        } else if tally.deduplicated > 0 {
            (TurnResult::SkippedActive, None)
        } else if tally.scope_busy > 0 {
            (TurnResult::SkippedBusy, None)
        } else {
            (TurnResult::Blocked, first_refusal)
        };
        Ok(Firing {
            result,
            run_id: Some(started.run.id),
            pause,
        })
    }

    fn start_entry(&self, scope: &WorkspaceScope, run: &OperationRun) -> Change {
        let StartEntry {
            action,
            outcome,
            target,
            facts,
        } = StartEntry::of(run);
        let change = Change::new(scope, action, target, self.clock.now(), self.ids.as_ref());
        let change = facts
            .into_iter()
            .fold(change, |change, (name, value)| change.with(name, value));
        Change { outcome, ..change }
    }

    /// The journal's entry for the turn.
    fn entry(&self, scope: &WorkspaceScope, schedule: &Schedule, firing: &Firing, tick: Timestamp) -> Change {
        let action = match firing.result {
            TurnResult::Started => AuditAction::ScheduleFired,
            TurnResult::Blocked => AuditAction::SchedulePaused,
            TurnResult::SkippedActive | TurnResult::SkippedBusy | TurnResult::SkippedEmpty => {
                AuditAction::ScheduleSkipped
            }
        };
        let (target, now) = (schedule.change_target(), self.clock.now());
        let mut change = Change::new(scope, action, target, now, self.ids.as_ref())
            .with("operation_type", schedule.operation_type.as_str())
            .with("result", firing.result.as_str())
            .with("tick", tick.to_rfc3339());
        if let Some(run) = firing.run_id {
            change = change.with("run_id", run.to_string());
        }
        match firing.pause {
            Some(reason) => change.with("reason_code", reason.as_str()).failed(),
            None => change,
        }
    }
}

/// Why a run was blocked.
fn refusal(run: &OperationRun) -> ReasonCode {
    run.context.reason_code.unwrap_or(ReasonCode::UnknownError)
}

/// The environments of the scope, the oldest first; nothing when they are more than one start takes.
async fn everywhere(
    session: &dyn ReadSession,
    scope: &WorkspaceScope,
) -> Result<Option<Vec<EnvironmentId>>, StoreError> {
    let environments = session.environments();
    let mut found = Vec::new();
    let mut request = PageRequest {
        limit: PageLimit::new(PageLimit::MAX).unwrap_or_default(),
        after: None,
    };
    loop {
        let page = environments.list(scope, request).await?;
        found.extend(page.items.into_iter().map(|environment| environment.id));
        if found.len() > bulk::MOST_ENVIRONMENTS {
            return Ok(None);
        }
        match page.next {
            Some(_) => request.after = page.next,
            None => return Ok(Some(found)),
        }
    }
}
