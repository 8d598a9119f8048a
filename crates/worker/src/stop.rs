//! The end of a worker: in which order it stops, and what it leaves behind if its time is over.

use std::{error::Error, fmt, time::Duration};

use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::Worker;

/// For how long a claim that is on its way may hold up the hand-backs. One that takes longer is not cut off: what
/// it still brings is handed back as it comes.
const LAST_CLAIM: Duration = Duration::from_secs(3);
/// For how long a run's own task may take to do what it is asked for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A worker's time was over before everything was handed back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftBehind {
    /// How many runs wait for the end of their leases now.
    pub runs: usize,
    /// Whether messages of webhooks were still being sent. They are sent again when their leases are over.
    pub delivering: bool,
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, delivering } = self;
        let delivering = if *delivering { "yes" } else { "no" };
        write!(
            f,
            "not everything was handed back in time (runs: {runs}, messages of webhooks: {delivering}): others take it \
             when its leases are over"
        )
    }
}

impl Error for LeftBehind {}

impl Worker {
    /// Waits for `shutdown`, then until no claim is on its way, which is when `hand_back` is cancelled, and cancels
    /// it itself if that takes too long. Returns the moment of the shutdown.
    pub(crate) async fn told(&self, shutdown: &CancellationToken, hand_back: &CancellationToken) -> Instant {
        shutdown.cancelled().await;
        let asked_at = Instant::now();
        let patience = LAST_CLAIM.min(self.parts.settings.stop_grace / 4);
        if timeout(patience, hand_back.cancelled()).await.is_err() {
            tracing::warn!("a claim is late: runs are handed back without waiting for it");
            hand_back.cancel();
        }
        asked_at
    }

    /// For how long a run's own task may take to hand back, so that there is time left to do it from outside.
    pub(crate) fn patience_at_the_end(&self) -> Duration {
        PATIENCE.min(self.parts.settings.stop_grace / 3)
    }
}
