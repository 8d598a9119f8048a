//! Time that passes when somebody waits: one offset that the product's clock, its pauses and the
//! simulator's clock share. Ten minutes of throttling take as long as the requests in between.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use kernel::{Clock, SystemClock, Timestamp};
use microsoft_simulator::Control;
use provider_microsoft::Pauses;

/// The clock, and the pauses that move it on. Clones share the time.
#[derive(Clone)]
pub struct VirtualTime {
    ahead_ms: Arc<AtomicI64>,
    simulator: Control,
}

impl VirtualTime {
    /// Begins at the present.
    pub fn new(simulator: Control) -> Self {
        Self {
            ahead_ms: Arc::default(),
            simulator,
        }
    }

    /// Lets `length` pass, for the product and the simulator alike.
    pub fn advance(&self, length: Duration) {
        // Rounded up: a millisecond too few would be a request before its time.
        let millis = i64::try_from(length.as_nanos().div_ceil(1_000_000)).expect("no test waits for ages");
        let ahead = self.ahead_ms.fetch_add(millis, Ordering::SeqCst) + millis;
        self.simulator.set_clock_offset(TimeDelta::milliseconds(ahead));
    }

    /// How much has passed by waiting alone.
    pub fn waited(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.ahead_ms.load(Ordering::SeqCst)).unwrap_or_default())
    }
}

impl Clock for VirtualTime {
    fn now(&self) -> Timestamp {
        SystemClock.now() + TimeDelta::milliseconds(self.ahead_ms.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Pauses for VirtualTime {
    async fn pause(&self, length: Duration) {
        self.advance(length);
    }

    fn draw(&self, ceiling: Duration) -> Duration {
        ceiling / 2
    }
}
