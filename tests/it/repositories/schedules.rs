//! Turns of schedules: each taken once whoever looks, in the name of somebody who still may, and never piled
//! up. A test makes a turn come by moving its row into the past: the database's clock decides.

mod failing;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::{PageRequest, StoreError, SystemClock, SystemIds, Timestamp};
use operations::{
    DueSchedule, DueSchedules, Jitter, OperationType, PauseCause, Responsible, Rhythm, RunFilter, RunOutcome,
    RunStatus, RunTrigger, Schedule, ScheduleId, ScheduleState, ScheduleTarget, Slot, TurnResult,
};
use provider_core::{ReasonCode, testing::FakeProvider};
use serde_json::Map;
use storage_sea_orm::Database;
use tenancy::InsertedEnvironment;
use tokio::sync::{Barrier, Notify};
use worker::{Scheduler, SchedulerReport};

use super::world::{Place, World, environment, fresh, name};

on_both_engines!(
    a_turn_is_taken_once_whoever_looks,
    a_turn_that_was_not_stored_was_not_taken,
    nobody_starts_in_the_name_of_somebody_who_may_not,
    a_turn_is_left_out_while_its_run_is_active,
    what_is_blocked_is_recorded_and_pauses,
    of_missed_turns_one_is_made_up_for,
    a_schedule_over_all_environments_starts_a_group,
    a_schedule_that_was_changed_meanwhile_is_not_started,
);

fn scheduler(store: &Database, due: Arc<dyn DueSchedules>) -> Scheduler {
    Scheduler {
        storage: Arc::new(store.clone()),
        due,
        rules: Arc::new(FakeProvider),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        wake: Arc::new(Notify::new()),
    }
}

const STARTED: SchedulerReport = SchedulerReport {
    started: 1,
    skipped: 0,
    blocked: 0,
};
const SKIPPED: SchedulerReport = SchedulerReport {
    started: 0,
    skipped: 1,
    blocked: 0,
};
const BLOCKED: SchedulerReport = SchedulerReport {
    started: 0,
    skipped: 0,
    blocked: 1,
};

impl World {
    async fn scheduled(&self, place: &Place, target: ScheduleTarget) -> Schedule {
        let rhythm = Rhythm::parse("0 * * * *", "Europe/Berlin").expect("a rhythm");
        let (id, jitter) = (fresh(), Jitter::stored(0));
        let first = Slot::next((id, &rhythm, jitter), self.now, self.now).expect("a turn");
        let owner = place.owner.member();
        let schedule = Schedule {
            workspace_id: place.scope.workspace_id(),
            id,
            display_name: name("Every hour"),
            operation_type: OperationType::InventorySync,
            inputs: Map::new(),
            target,
            rhythm,
            jitter,
            state: ScheduleState::Active(first),
            responsible: Responsible {
                principal_id: owner.principal.id,
                label: owner.principal.label.clone(),
            },
            last: None,
            consecutive_skips: 0,
            version: 1,
            created_at: self.now,
            updated_at: self.now,
        };
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        unit.schedules()
            .insert(&place.scope, &schedule, &change)
            .await
            .expect("inserts");
        unit.commit().await.expect("commits");
        schedule
    }

    /// The turn of the schedule comes: what time does, without waiting for it.
    async fn come(&self, schedule: &Schedule) {
        self.turn_at(schedule, self.now - TimeDelta::days(3)).await;
    }

    async fn turn_at(&self, schedule: &Schedule, at: Timestamp) {
        let at = at.timestamp_micros();
        let sql = format!(
            "UPDATE schedules SET next_tick_at = {at}, next_due_at = {at} WHERE id = {}",
            self.uuid(schedule.id.as_uuid())
        );
        assert_eq!(self.database.tamper(&sql).await, 1);
    }

    async fn schedule_now(&self, place: &Place, schedule: &Schedule) -> Schedule {
        let session = self.read().await;
        let found = session.schedules().find(&place.scope, schedule.id).await;
        found.expect("reads").expect("is there")
    }

    async fn pass(&self) -> SchedulerReport {
        let due = Arc::new(self.store.clone());
        scheduler(&self.store, due).run_once().await.expect("passes")
    }

    async fn told_of(&self, action: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM audit_events WHERE action = '{action}'");
        self.database.number(&sql).await
    }
}

fn here(place: &Place) -> ScheduleTarget {
    ScheduleTarget::Environment {
        environment_id: place.environment,
        connection_id: None,
    }
}

/// A place whose default connection is ready, with a schedule whose turn has come.
async fn due(database: TestDatabase) -> (World, Place, Schedule) {
    let world = World::new(database).await;
    let place = world.place().await;
    world.connected(&place, "site-1", "secret").await;
    let schedule = world.scheduled(&place, here(&place)).await;
    // Not with the next full hour, which may be now.
    world.turn_at(&schedule, world.now + TimeDelta::days(1)).await;
    assert_eq!(world.pass().await, SchedulerReport::default(), "not yet");
    world.come(&schedule).await;
    (world, place, schedule)
}

/// Finds what is due, and lets nobody go on before all have.
struct Together {
    inner: Database,
    all: Arc<Barrier>,
}

#[async_trait]
impl DueSchedules for Together {
    async fn due(
        &self,
        limit: u32,
        after: Option<(Timestamp, ScheduleId)>,
    ) -> Result<Vec<DueSchedule>, StoreError> {
        let due = self.inner.due(limit, after).await?;
        if after.is_none() {
            assert_eq!(due.len(), 1);
            self.all.wait().await;
        }
        Ok(due)
    }
}

async fn a_turn_is_taken_once_whoever_looks(database: TestDatabase) {
    let (world, place, schedule) = due(database).await;
    let all = Arc::new(Barrier::new(8));
    let passes = (0..8).map(|_| {
        let together = Arc::new(Together {
            inner: world.store.clone(),
            all: Arc::clone(&all),
        });
        let scheduler = scheduler(&world.store, together);
        tokio::spawn(async move { scheduler.run_once().await.expect("passes") })
    });
    let mut reports = Vec::new();
    for pass in passes.collect::<Vec<_>>() {
        reports.push(pass.await.expect("joins"));
    }
    assert_eq!(
        reports.iter().filter(|report| **report == STARTED).count(),
        1,
        "{reports:?}"
    );
    let nothing = SchedulerReport::default();
    assert_eq!(reports.iter().filter(|report| **report == nothing).count(), 7);
    let after = world.schedule_now(&place, &schedule).await;
    let last = after.last.expect("a turn");
    assert_eq!((last.result, after.consecutive_skips), (TurnResult::Started, 0));
    assert_eq!(world.told_of("schedule.fired").await, 1);
    let run = world.run_now(&place, last.run_id.expect("a run")).await;
    assert_eq!(run.trigger, RunTrigger::Schedule(schedule.id));
    assert_eq!(
        run.initiator.principal_id,
        Some(schedule.responsible.principal_id)
    );
    assert_eq!(run.status(), RunStatus::Queued);
}

async fn a_turn_that_was_not_stored_was_not_taken(database: TestDatabase) {
    let (world, place, _) = due(database).await;
    let due = world.store.due(10, None).await.expect("finds").remove(0);
    let next = due.schedule.next_slot(due.slot.tick, due.now).expect("a turn");
    let mut unit = world.begin().await;
    let taken = unit
        .schedules()
        .take_turn(&place.scope, &due.schedule, due.slot.tick, next)
        .await;
    assert!(taken.expect("answers"));
    // The process dies here.
    drop(unit);
    assert_eq!(world.pass().await, STARTED);
    assert_eq!(world.pass().await, SchedulerReport::default());
}

async fn nobody_starts_in_the_name_of_somebody_who_may_not(database: TestDatabase) {
    let (world, place, schedule) = due(database).await;
    assert_eq!(
        world
            .database
            .tamper("UPDATE members SET role = 'readonly'")
            .await,
        1
    );
    assert_eq!(world.pass().await, BLOCKED);
    let paused = world.schedule_now(&place, &schedule).await;
    let cause = PauseCause::System(ReasonCode::InitiatorNotEntitled);
    assert_eq!(paused.state, ScheduleState::Paused(cause));
    assert_eq!(
        world.database.number("SELECT count(*) FROM operation_runs").await,
        0
    );
    assert_eq!(
        (
            world.told_of("schedule.paused").await,
            world.told_of("schedule.fired").await
        ),
        (1, 0)
    );
    assert_eq!(world.pass().await, SchedulerReport::default());
}

async fn a_turn_is_left_out_while_its_run_is_active(database: TestDatabase) {
    let (world, place, schedule) = due(database).await;
    assert_eq!(world.pass().await, STARTED);
    let first = world
        .schedule_now(&place, &schedule)
        .await
        .last
        .expect("a turn")
        .run_id;
    for skips in 1..=2 {
        world.come(&schedule).await;
        assert_eq!(world.pass().await, SKIPPED);
        let now = world.schedule_now(&place, &schedule).await;
        let last = now.last.expect("a turn");
        assert_eq!(
            (last.result, now.consecutive_skips),
            (TurnResult::SkippedActive, skips)
        );
        assert_eq!(last.run_id, first, "the last run of its own");
    }
    let run = world.run_now(&place, first.expect("a run")).await;
    let end = run
        .end_because(RunOutcome::Canceled, ReasonCode::RunCanceled)
        .expect("active");
    assert!(world.end_queued(&place, run.id, &end).await);
    world.come(&schedule).await;
    assert_eq!(world.pass().await, STARTED);
    assert_eq!(world.schedule_now(&place, &schedule).await.consecutive_skips, 0);
    assert_eq!(world.told_of("schedule.skipped").await, 2);
}

async fn what_is_blocked_is_recorded_and_pauses(database: TestDatabase) {
    let (world, place, schedule) = due(database).await;
    let off = "UPDATE provider_connections SET is_enabled = false";
    assert_eq!(world.database.tamper(off).await, 1);
    assert_eq!(world.pass().await, BLOCKED);
    let paused = world.schedule_now(&place, &schedule).await;
    let cause = PauseCause::System(ReasonCode::ProviderConnectionDisabled);
    assert_eq!(paused.state, ScheduleState::Paused(cause));
    let run = paused.last.and_then(|last| last.run_id).expect("recorded");
    assert_eq!(
        world.run_now(&place, run).await.outcome(),
        Some(RunOutcome::Blocked)
    );
    assert_eq!(
        world.pass().await,
        SchedulerReport::default(),
        "until a person looks"
    );
}

async fn of_missed_turns_one_is_made_up_for(database: TestDatabase) {
    let (world, place, schedule) = due(database).await;
    assert_eq!(world.pass().await, STARTED, "72 turns were missed");
    let next = world
        .schedule_now(&place, &schedule)
        .await
        .slot()
        .expect("active");
    assert!(next.due > world.now && next.due <= world.now + TimeDelta::hours(2));
    assert_eq!(world.pass().await, SchedulerReport::default());
    assert_eq!(
        world.database.number("SELECT count(*) FROM operation_runs").await,
        1
    );
}

async fn a_schedule_over_all_environments_starts_a_group(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.bare_place().await;
    let schedule = world.scheduled(&place, ScheduleTarget::AllEnvironments).await;
    world.come(&schedule).await;
    assert_eq!(world.pass().await, SKIPPED, "there is no environment");
    for slug in ["one", "two", "three"] {
        let environment = environment(&place, slug, world.now);
        assert_eq!(
            world.insert_environment(&place, &environment).await,
            InsertedEnvironment::Inserted
        );
        let here = Place {
            environment: environment.id,
            ..place.clone()
        };
        if slug != "three" {
            world.connected(&here, &format!("site-{slug}"), "secret").await;
        }
    }
    world.come(&schedule).await;
    assert_eq!(world.pass().await, STARTED);
    let last = world.schedule_now(&place, &schedule).await.last.expect("a turn");
    let group = world.run_now(&place, last.run_id.expect("a group")).await;
    let tally = group.context.group.expect("a tally");
    assert_eq!(
        (tally.accepted, tally.blocked),
        (2, 1),
        "one environment holds up nobody"
    );
    assert_eq!(group.trigger, RunTrigger::Schedule(schedule.id));
    let filter = RunFilter {
        parent_run_id: Some(group.id),
        ..RunFilter::default()
    };
    let session = world.read().await;
    let children = session
        .runs()
        .list(&place.scope, filter, PageRequest::default())
        .await;
    assert_eq!(children.expect("lists").items.len(), 3);
    world.come(&schedule).await;
    assert_eq!(world.pass().await, SKIPPED, "the group is not over");
}

async fn a_schedule_that_was_changed_meanwhile_is_not_started(database: TestDatabase) {
    let (world, place, schedule) = due(database).await;
    let found = world.store.due(10, None).await.expect("finds").remove(0);
    let before = world.schedule_now(&place, &schedule).await;
    // One that works on with other inputs, and then one that does not.
    let renamed = Schedule {
        display_name: name("Every hour, differently"),
        version: before.version + 1,
        ..before.clone()
    };
    let paused = Schedule {
        state: ScheduleState::Paused(PauseCause::Person),
        ..renamed.clone()
    };
    let next = found.schedule.next_slot(found.slot.tick, found.now);
    let next = next.expect("a turn");
    for (old, new) in [(&before, &renamed), (&renamed, &paused)] {
        let mut unit = world.begin().await;
        let change = world.change(&place.scope);
        let written = unit.schedules().replace(&place.scope, old, new, &change).await;
        assert_eq!(written.expect("answers"), provider_core::Written::Done);
        unit.commit().await.expect("commits");
        let mut unit = world.begin().await;
        let taken = unit
            .schedules()
            .take_turn(&place.scope, &found.schedule, found.slot.tick, next)
            .await;
        assert!(!taken.expect("answers"));
        let written = unit.schedules().replace(&place.scope, old, new, &change).await;
        assert_eq!(written.expect("answers"), provider_core::Written::VersionMismatch);
    }
}
