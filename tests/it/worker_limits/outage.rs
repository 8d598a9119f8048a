//! The database goes away in the middle of a run: no lease counts as lost for it, and the provider is not
//! called for longer than the lease lasts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use integration_tests::TestDatabase;
use operations::{QueueSettings, RunQueue};
use provider_core::testing::FakeProvider;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use worker::{Caretaker, Sweep};

use super::kit::{AtWork, column, quick, until_run};
use crate::{
    fake_provider::core::Core,
    throttling::kit::{PagedSite, Step, start},
};

/// What is over meanwhile, and what is not.
const SHORT: Duration = Duration::from_secs(8);
const LONG: Duration = Duration::from_secs(12);

/// The caretaker of another process, which sweeps as often as it may.
fn sweeper(core: &Core, lease: Duration) -> CancellationToken {
    let queue: Arc<dyn RunQueue> = Arc::new(core.product.queue());
    let settings = QueueSettings {
        lease,
        ..QueueSettings::default()
    };
    let sweep = Sweep::new(queue, settings, Arc::new(Notify::new()));
    let caretaker = Caretaker::new(Arc::new(kernel::SystemClock), Arc::new(kernel::SystemIds))
        .with(sweep.chore(Duration::from_millis(200)));
    let shutdown = CancellationToken::new();
    tokio::spawn(caretaker.run(shutdown.clone()));
    shutdown
}

/// Takes the database away for so long in the middle of an inventory.
async fn away_for(length: Duration, lease: Duration, attempts: i64) {
    let Some((database, cluster)) = TestDatabase::on_own_cluster().await else {
        return integration_tests::postgres::announce_skip();
    };
    // Each attempt is held at its first page.
    let holds = vec![Step::Hold; usize::try_from(attempts).expect("few")];
    let site = PagedSite::with(&holds);
    let core = Core::start_on(database, site.clone(), quick("outage", lease)).await;
    let mut place = core.connect("site-1", FakeProvider::SECRET).await;
    start(&core, &mut place, "inventory.sync").await;
    let work = AtWork::new(&core.worker);
    let sweeps = sweeper(&core, lease);
    site.reached().await;
    cluster.stop();
    let begin = Instant::now();
    while begin.elapsed() < length {
        tokio::task::spawn_blocking(|| std::thread::park_timeout(Duration::from_millis(50)))
            .await
            .expect("joins");
    }
    let cut = site.cut();
    cluster.start_again();
    if attempts > 1 {
        assert_eq!(cut, 1, "the work stopped with the lease, with nobody to ask");
        site.reached().await;
    } else {
        assert_eq!(cut, 0, "the lease lasts");
    }
    site.release();
    let run = until_run(&core, &place, |run| run["status"] == "completed").await;
    assert_eq!(run["outcome"], "succeeded", "{run}");
    assert_eq!(run["attempt"], attempts, "{run}");
    assert_eq!(column(&core, &place, "lost_leases").await, 0);
    sweeps.cancel();
    work.stop().await;
    core.stop().await;
}

#[test]
fn an_outage_that_is_longer_than_a_lease_costs_no_attempt() {
    on_a_runtime(away_for(SHORT * 2, SHORT, 2));
}

#[test]
fn an_outage_that_is_shorter_than_a_lease_is_not_noticed() {
    on_a_runtime(away_for(Duration::from_secs(1), LONG, 1));
}

fn on_a_runtime(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test);
}
