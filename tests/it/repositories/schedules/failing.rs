//! Schedules that cannot be read, or whose turns cannot be taken: they keep no other from its turn.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::StoreError;
use operations::TurnResult;
use storage::{ReadSession, Storage, UnitOfWork};
use storage_sea_orm::Database;

use super::{STARTED, due, here, scheduler};

on_both_engines!(
    a_schedule_that_cannot_be_read_holds_up_nobody,
    turns_that_cannot_be_taken_hold_up_nobody,
    a_pass_ends_where_the_store_is_away,
);

async fn a_schedule_that_cannot_be_read_holds_up_nobody(database: TestDatabase) {
    let (world, place, schedule) = due(database).await;
    let broken = world.scheduled(&place, here(&place)).await;
    world.come(&broken).await;
    let id = world.uuid(broken.id.as_uuid());
    let sql = format!("UPDATE schedules SET cron = 'never', next_due_at = 1 WHERE id = {id}");
    assert_eq!(world.database.tamper(&sql).await, 1);
    assert_eq!(world.pass().await, STARTED);
    let last = world.schedule_now(&place, &schedule).await.last;
    assert_eq!(last.map(|last| last.result), Some(TurnResult::Started));
    let paused = "SELECT count(*) FROM schedules WHERE paused_reason = 'internal_error'";
    assert_eq!(world.database.number(paused).await, 1);
    assert_eq!(world.told_of("schedule.paused").await, 1);
}

/// More of them than a pass reads at once, all longer overdue than the one that can.
async fn turns_that_cannot_be_taken_hold_up_nobody(database: TestDatabase) {
    let (world, place, schedule) = due(database).await;
    let elsewhere = world.place().await;
    let connection = world.connected(&elsewhere, "site-2", "secret").await;
    for _ in 0..51 {
        let failing = world.scheduled(&elsewhere, here(&elsewhere)).await;
        world.come(&failing).await;
    }
    for sql in [
        format!(
            "UPDATE provider_connections SET created_at = {} WHERE id = {}",
            i64::MAX,
            world.uuid(connection.id.as_uuid())
        ),
        format!(
            "UPDATE schedules SET next_due_at = next_due_at + 1 WHERE id = {}",
            world.uuid(schedule.id.as_uuid())
        ),
    ] {
        assert_eq!(world.database.tamper(&sql).await, 1);
    }
    for pass in 0..2 {
        let report = world.pass().await;
        assert_eq!(report.started, 1 - pass, "{report:?}");
    }
    let last = world.schedule_now(&place, &schedule).await.last;
    assert_eq!(last.map(|last| last.result), Some(TurnResult::Started));
}

/// A store that is asked in vain at first, and counts how often it was asked.
struct Away {
    store: Database,
    answers_after: usize,
    asked: AtomicUsize,
}

impl Away {
    fn until(store: &Database, answers_after: usize) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            answers_after,
            asked: AtomicUsize::new(0),
        })
    }

    fn asked(&self) -> Result<&Database, StoreError> {
        match self.asked.fetch_add(1, Ordering::SeqCst) {
            before if before >= self.answers_after => Ok(&self.store),
            _ => Err(StoreError::Unavailable("away".into())),
        }
    }
}

#[async_trait]
impl Storage for Away {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        self.asked()?.begin().await
    }

    async fn read(&self) -> Result<Box<dyn ReadSession>, StoreError> {
        self.asked()?.read().await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.asked()?.ready().await
    }
}

/// Not one error for each schedule, each after a wait of its own; and not one that keeps the others from theirs.
async fn a_pass_ends_where_the_store_is_away(database: TestDatabase) {
    let (world, place, _) = due(database).await;
    for _ in 0..3 {
        let another = world.scheduled(&place, here(&place)).await;
        world.come(&another).await;
    }
    let mut scheduler = scheduler(&world.store, Arc::new(world.store.clone()));
    let away = Away::until(&world.store, usize::MAX);
    scheduler.storage = Arc::<Away>::clone(&away);
    let ended = scheduler.run_once().await;
    assert!(matches!(ended, Err(StoreError::Unavailable(_))), "{ended:?}");
    assert_eq!(away.asked.load(Ordering::SeqCst), 2, "once more, and no more");
    scheduler.storage = Away::until(&world.store, 1);
    let report = scheduler.run_once().await.expect("the others have their turns");
    assert_eq!(report.started + report.skipped, 3, "{report:?}");
}
