//! Callers who name each of their requests, and send those again that nobody answered.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use cli::Client;
use integration_tests::chaos::{
    callers::{self, Target},
    history::{Event, Heard, History},
    seed::Numbers,
};
use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp};
use operations::OperationType;

use crate::chaos::stage::DEADLINE;

/// How many call at the same time, and how long each waits between two requests.
const CALLERS: u64 = 3;
const PACE: Duration = Duration::from_millis(20);

/// A request under its name.
#[derive(Debug, Clone)]
struct Start {
    key: String,
    target: Target,
    operation: OperationType,
    /// When it was sent first: a kept answer tells what was so then.
    asked: (Instant, Timestamp),
}

impl Start {
    fn new(target: &Target, operation: OperationType) -> Self {
        Self {
            key: SystemIds.next_uuid().to_string(),
            target: target.clone(),
            operation,
            asked: (Instant::now(), SystemClock.now()),
        }
    }
}

/// What the callers of one case did and heard.
#[derive(Default)]
pub(crate) struct Load {
    history: Mutex<History>,
    unanswered: Mutex<Vec<Start>>,
    pub(crate) over: AtomicBool,
}

impl Load {
    /// Calls until the process is gone or it is over.
    pub(crate) async fn call(&self, client: &Client, targets: &[Target], seed: u64) {
        let callers = (0..CALLERS).map(|number| async move {
            let mut numbers = Numbers::part(seed, number);
            let mut ticks = tokio::time::interval(PACE);
            let mut answered = true;
            while answered && !self.over.load(Ordering::Relaxed) {
                ticks.tick().await;
                let target = &targets[numbers.below(targets.len())];
                let operation = OperationType::STARTABLE[numbers.below(OperationType::STARTABLE.len())];
                let start = Start::new(target, operation);
                answered = self.send(client, start).await.is_some();
            }
        });
        futures::future::join_all(callers).await;
    }

    /// Starts an inventory on each target.
    pub(crate) async fn start_everywhere(&self, client: &Client, targets: &[Target]) {
        for target in targets {
            let start = Start::new(target, OperationType::InventorySync);
            self.send(client, start).await.expect("somebody answers");
        }
    }

    /// Sends what nobody answered once more. Returns how many requests that were, and how many
    /// answers were kept ones.
    pub(crate) async fn send_again(&self, client: &Client) -> (usize, usize) {
        let unanswered = std::mem::take(&mut *held(&self.unanswered));
        let mut replayed = 0;
        for start in &unanswered {
            let (begin, mut ticks) = (Instant::now(), tokio::time::interval(PACE));
            let mut answer = self.send(client, start.clone()).await;
            // Nobody came to it: it counts only when somebody did.
            while answer.is_some() && self.last_was_in_vain() && begin.elapsed() < DEADLINE {
                ticks.tick().await;
                answer = self.send(client, start.clone()).await;
            }
            replayed += usize::from(answer.expect("somebody answers"));
        }
        (unanswered.len(), replayed)
    }

    fn last_was_in_vain(&self) -> bool {
        let history = held(&self.history);
        history
            .0
            .last()
            .is_some_and(|last| matches!(last.heard, Heard::Unavailable))
    }

    /// Whether the answer was a kept one; nothing if there was none.
    async fn send(&self, client: &Client, start: Start) -> Option<bool> {
        let (invoked, from) = (Instant::now(), SystemClock.now());
        let headers = [("idempotency-key", start.key.as_str())];
        let answer = callers::ask(client, &start.target, start.operation.as_str(), &headers).await;
        let replayed = answer.as_ref().ok();
        let replayed = replayed.map(|answer| answer.header("idempotency-replayed") == Some("true"));
        let (invoked, from) = match replayed {
            Some(true) => start.asked,
            Some(false) | None => (invoked, from),
        };
        held(&self.history).0.push(Event {
            slot: 0,
            span: (invoked, Instant::now()),
            wall: (from, SystemClock.now()),
            heard: callers::heard(answer),
        });
        if replayed.is_none() {
            held(&self.unanswered).push(start);
        }
        replayed
    }

    pub(crate) fn history(&self) -> History {
        held(&self.history).clone()
    }

    /// The runs that callers were told are theirs.
    pub(crate) fn accepted(&self) -> BTreeSet<String> {
        self.accepted_of(|_| true)
    }

    /// The same of requests that were not sent before `moment`.
    pub(crate) fn accepted_since(&self, moment: Instant) -> BTreeSet<String> {
        self.accepted_of(|event| event.span.0 >= moment)
    }

    fn accepted_of(&self, wanted: impl Fn(&Event) -> bool) -> BTreeSet<String> {
        let history = held(&self.history);
        let wanted = history.0.iter().filter(|event| wanted(event));
        let accepted = wanted.filter_map(|event| match &event.heard {
            Heard::Accepted(run) => Some(run.clone()),
            Heard::Deduplicated(_)
            | Heard::ScopeBusy(_)
            | Heard::Canceled
            | Heard::Unavailable
            | Heard::Unknown(_)
            | Heard::Unexpected(_) => None,
        });
        accepted.collect()
    }
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
