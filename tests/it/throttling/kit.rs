//! A site that asks for pauses when its script says so, calls to count, and ways to step time.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::TimeDelta;
use inventory::{
    Collection, InventoryExecutor, ItemKind, Measurement, ObservationSink, ObservedItem, Section,
    SectionOutcome,
};
use kernel::{Clock as _, Id, SystemClock, Timestamp};
use provider_core::{
    CallBatch, CallOutcome, CallRecord, ConnectionAccess, Pause, ProviderCode, ProviderFailure, ReasonCode,
    ResumePoint, Retry, RunSignals, testing::FakeProvider,
};
use serde_json::Value;
use storage::Storage as _;
use storage_sea_orm::Database;
use tenancy::{SystemTask, WorkspaceScope};
use tokio::sync::Semaphore;
use uuid::{Uuid, uuid};
use worker::WorkerSettings;

use crate::{access::cases::Place, fake_provider::core::Core};

/// How many pages a site has, and how many items a page.
pub(crate) const PAGES: u64 = 6;
pub(crate) const ITEMS: u64 = 3;
/// What a call counts against.
pub(crate) const LIMIT: &str = "site-reads";
/// What the site calls a refused exchange.
pub(crate) const EXCHANGE: Uuid = uuid!("0190b3e4-0000-7000-8000-00000000abcd");

/// What happens instead of the next page.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Nothing: the page comes.
    Page,
    /// The site asks for a pause of this length.
    Pause(Duration),
    /// Nothing happens until the test lets it, then the page comes.
    Hold,
    /// The site asks for a pause, and the executor waits itself until the test lets it.
    WaitOut,
    /// The executor's task breaks.
    Break,
}

/// A site with pages that are read in order. Each page is a call.
pub(crate) struct PagedSite {
    script: Mutex<VecDeque<Step>>,
    stored: Mutex<Vec<u64>>,
    begins: Mutex<Vec<Begin>>,
    reached: Semaphore,
    released: Semaphore,
    cut: AtomicUsize,
}

/// Counts when it is dropped before it was told to go on.
struct Held<'a>(Option<&'a AtomicUsize>);

impl Held<'_> {
    fn go_on(mut self) {
        self.0 = None;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(cut) = self.0 {
            cut.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// What an attempt began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) point: Option<String>,
    pub(crate) pauses: Vec<Pause>,
}

impl PagedSite {
    /// A site that does what `script` says, and then sends its pages.
    pub(crate) fn with(script: &[Step]) -> Arc<Self> {
        Arc::new(Self {
            script: Mutex::new(script.iter().copied().collect()),
            stored: Mutex::default(),
            begins: Mutex::default(),
            reached: Semaphore::new(0),
            released: Semaphore::new(0),
            cut: AtomicUsize::new(0),
        })
    }

    /// Pages that were stored, in order.
    pub(crate) fn stored(&self) -> Vec<u64> {
        self.stored.lock().expect("not poisoned").clone()
    }

    /// What each attempt began with.
    pub(crate) fn begins(&self) -> Vec<Begin> {
        self.begins.lock().expect("not poisoned").clone()
    }

    /// Ends when an attempt is held.
    pub(crate) async fn reached(&self) {
        self.reached.acquire().await.expect("open").forget();
    }

    /// Lets a held attempt go on.
    pub(crate) fn release(&self) {
        self.released.add_permits(1);
    }

    /// How many attempts were dropped while they were held.
    pub(crate) fn cut(&self) -> usize {
        self.cut.load(Ordering::SeqCst)
    }

    async fn hold(&self) {
        let held = Held(Some(&self.cut));
        self.reached.add_permits(1);
        self.released.acquire().await.expect("open").forget();
        held.go_on();
    }

    /// What the script says. The lock is not held while the executor waits.
    async fn act(&self, signals: &dyn RunSignals) -> Result<(), ProviderFailure> {
        let step = self.script.lock().expect("not poisoned").pop_front();
        match step.unwrap_or(Step::Page) {
            Step::Page => Ok(()),
            Step::Hold => {
                self.hold().await;
                Ok(())
            }
            Step::WaitOut => {
                signals.record(throttled(Duration::from_mins(1)));
                self.hold().await;
                Ok(())
            }
            Step::Pause(pause) => {
                signals.record(throttled(pause));
                Err(ProviderFailure::Provider {
                    reason: ReasonCode::ProviderThrottled,
                    retry: Retry::After(pause),
                })
            }
            Step::Break => panic!("the script says so"),
        }
    }
}

#[async_trait]
impl InventoryExecutor for PagedSite {
    async fn collect(
        &self,
        access: &ConnectionAccess,
        signals: &dyn RunSignals,
        sink: &mut dyn ObservationSink,
    ) -> Result<Collection, ProviderFailure> {
        assert!(FakeProvider::admits(&access.credential.secret));
        let point = signals.resume_point().map(|point| point.text);
        let first = point.as_ref().map_or(0, |text| text.parse().expect("our own"));
        self.begins.lock().expect("not poisoned").push(Begin {
            point,
            pauses: signals.pauses(),
        });
        for page in first..PAGES {
            signals.checkpoint(None).await?;
            self.act(signals).await?;
            signals.record(call(CallOutcome::Answered));
            let items = (0..ITEMS).map(|item| ObservedItem {
                kind: ItemKind::Device,
                external_id: format!("{page}-{item}"),
                display_name: format!("Thing {page}-{item}"),
                attributes: serde_json::Map::new(),
            });
            sink.accept(items.collect(), Some(&point_after(page))).await?;
            self.stored.lock().expect("not poisoned").push(page);
        }
        Ok(Collection {
            sections: vec![Section {
                kind: ItemKind::Device,
                outcome: SectionOutcome::Complete,
                items: PAGES * ITEMS,
            }],
        })
    }

    /// Saves a point without a sink, and asks for a pause as long as there is none.
    async fn measure(
        &self,
        _: &ConnectionAccess,
        signals: &dyn RunSignals,
    ) -> Result<Measurement, ProviderFailure> {
        let point = signals.resume_point();
        self.begins.lock().expect("not poisoned").push(Begin {
            point: point.as_ref().map(|point| point.text.clone()),
            pauses: signals.pauses(),
        });
        if point.is_none() {
            signals.save(&point_after(0)).await?;
        }
        self.act(signals).await?;
        Ok(Measurement {
            controls: vec![inventory::ControlResult::counted(
                "things.blue",
                "Things are blue",
                6,
                6,
            )],
        })
    }
}

/// Where to go on after `page`.
pub(crate) fn point_after(page: u64) -> ResumePoint {
    ResumePoint {
        text: (page + 1).to_string(),
        written_at: SystemClock.now(),
    }
}

/// A call that came out like this.
pub(crate) fn call(outcome: CallOutcome) -> CallRecord {
    let answered = outcome == CallOutcome::Answered;
    CallRecord {
        at: now(),
        call: "things.list",
        limit: LIMIT,
        attempt: 1,
        outcome,
        status: Some(if answered { 200 } else { 429 }),
        code: (!answered).then_some(ProviderCode::Numbered("SITE", 7)),
        request_id: Some(EXCHANGE),
        trace_id: None,
        correlation_id: None,
        took: Duration::from_millis(12),
        lost: Duration::ZERO,
        paused_until: None,
    }
}

/// A call that was answered with a pause of this length.
pub(crate) fn throttled(pause: Duration) -> CallRecord {
    CallRecord {
        lost: pause,
        paused_until: Some(now() + TimeDelta::from_std(pause).expect("in range")),
        ..call(CallOutcome::Throttled)
    }
}

/// The present moment as databases keep it.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_timestamp_micros(SystemClock.now().timestamp_micros()).expect("in range")
}

/// The settings of a worker that gives signs of life often.
pub(crate) fn lively() -> WorkerSettings {
    let mut settings = WorkerSettings::named("lively");
    settings.queue.lease = Duration::from_secs(3);
    settings
}

/// Counts `calls` calls of the connection of `place`, each of them throttled, as its run.
pub(crate) async fn seed(product: &Database, place: &Place, calls: u32) {
    let mut batch = CallBatch::default();
    for number in 0..calls {
        let at = now() - TimeDelta::minutes(i64::from(number));
        batch.push(CallRecord {
            at,
            paused_until: Some(at),
            lost: Duration::from_millis(1500),
            ..call(CallOutcome::Throttled)
        });
    }
    add(product, place, &batch).await;
}

/// Adds `batch` to what the connection of `place` was told by its run.
pub(crate) async fn add(product: &Database, place: &Place, batch: &CallBatch) {
    let id = |text: &str| Uuid::parse_str(text).expect("an id");
    #[expect(clippy::disallowed_methods, reason = "stands for a worker that holds the run")]
    let scope = WorkspaceScope::for_system(Id::from_uuid(id(&place.workspace)), SystemTask::Worker);
    let (connection, run) = (
        Id::from_uuid(id(&place.connection)),
        Id::from_uuid(id(&place.run)),
    );
    let mut unit = product.begin().await.expect("begins");
    let added = unit.calls().add_calls(&scope, connection, run, batch).await;
    added.expect("adds");
    unit.commit().await.expect("commits");
}

/// Starts an operation at `place`, which then names its run.
pub(crate) async fn start(core: &Core, place: &mut Place, operation: &str) {
    let started = core.start_operation(place, operation).await;
    assert_eq!(started.json()["disposition"], "accepted", "{}", started.text());
    let body = started.json();
    place.run = String::from(body["run"]["id"].as_str().expect("an id"));
}

/// The run of `place` as readers see it.
pub(crate) async fn run(core: &Core, place: &Place) -> Value {
    let path = "/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}";
    core.get(&place.fill(path)).await.json()
}

/// Lets the runs that were handed back begin again: what time does, without waiting for it.
pub(crate) async fn end_waits(core: &Core) {
    let sql = "UPDATE operation_runs SET not_before = NULL WHERE status = 'queued'";
    assert!(core.database.tamper(sql).await > 0, "a run waits");
}

/// Works until nothing may begin.
pub(crate) async fn drain(core: &Core) -> usize {
    core.worker.drain().await.expect("the queue answers")
}

/// How many rows `table` has.
pub(crate) async fn rows(core: &Core, table: &str) -> i64 {
    core.database
        .number(&format!("SELECT count(*) FROM {table}"))
        .await
}

/// Asks for a number until it is as wanted. Asking is what waits: no time is slept.
pub(crate) async fn until(core: &Core, sql: &str, wanted: impl Fn(i64) -> bool) -> i64 {
    let begin = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    loop {
        looks.tick().await;
        let number = core.database.number(sql).await;
        if wanted(number) {
            return number;
        }
        assert!(begin.elapsed() < Duration::from_mins(1), "{sql}: {number}");
    }
}
