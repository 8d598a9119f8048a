//! A caretaker with chores of the test: who is done when, and what one that fails or panics does to the others.

use std::sync::atomic::{AtomicU64, Ordering};

use kernel::{ManualClock, SequentialIds};
use tokio::time::{advance, timeout};

use super::*;

fn caretaker() -> Caretaker {
    let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
    Caretaker::new(Arc::new(clock), Arc::new(SequentialIds::default()))
}

fn counting(name: &'static str, every: Duration) -> (Chore, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    let chore = Chore::new(name, every, move || {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Ok(()) }
    });
    (chore, count)
}

/// Lets everything that can go on go on, for so long on the runtime's paused clock.
async fn pass(length: Duration) {
    let step = Duration::from_millis(5);
    for _ in 0..length.as_millis() / step.as_millis() {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        advance(step).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_panics_or_hangs_or_fails_keeps_no_other_from_its_turn() {
    let (steady, count) = counting("steady", Duration::from_secs(1));
    let caretaker = caretaker()
        .with(Chore::new("panics", Duration::from_secs(1), || async {
            panic!("on purpose")
        }))
        .with(Chore::new("hangs", Duration::from_secs(1), || async {
            std::future::pending().await
        }))
        .with(Chore::new("fails", Duration::from_secs(1), || async {
            Err(StoreError::Conflict)
        }))
        .with(steady);
    let (records, shutdown) = (caretaker.records(), CancellationToken::new());
    let running = tokio::spawn(caretaker.run(shutdown.clone()));
    pass(Duration::from_secs(10)).await;
    assert!(
        (10..=20).contains(&count.load(Ordering::SeqCst)),
        "a pause is between half a second and one: {count:?}"
    );
    let all = records.all();
    let of = |name| all.get(name).copied().unwrap_or_default();
    assert!(
        of("steady").last_success.is_some() && of("steady").failed == 0,
        "{all:?}"
    );
    assert!(
        of("panics").failed >= 10 && of("panics").last_success.is_none(),
        "{all:?}"
    );
    assert!(
        of("fails").failed >= 10 && of("fails").last_success.is_none(),
        "{all:?}"
    );
    assert_eq!(of("hangs"), ChoreRecord::default());
    shutdown.cancel();
    pass(Duration::from_secs(1)).await;
    let done = count.load(Ordering::SeqCst);
    pass(Duration::from_secs(10)).await;
    assert_eq!(
        count.load(Ordering::SeqCst),
        done,
        "nothing is done after the end"
    );
    // The one that hangs is still being done.
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_at_once_and_many_calls_by_one_pass() {
    let (chore, count) = counting("woken", Duration::from_hours(1));
    let wake = Arc::new(Notify::new());
    let caretaker = caretaker().with(chore.woken_by(Arc::clone(&wake)));
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(caretaker.run(shutdown.clone()));
    pass(Duration::from_millis(100)).await;
    assert_eq!(count.load(Ordering::SeqCst), 1, "once at the start");
    wake.notify_one();
    pass(Duration::from_millis(5)).await;
    assert_eq!(count.load(Ordering::SeqCst), 2, "and at once when called");
    for _ in 0..100 {
        wake.notify_one();
    }
    pass(Duration::from_millis(200)).await;
    assert_eq!(
        count.load(Ordering::SeqCst),
        3,
        "what was called together is done together"
    );
    shutdown.cancel();
    timeout(Duration::from_secs(1), running)
        .await
        .expect("ends")
        .expect("joins");
}
