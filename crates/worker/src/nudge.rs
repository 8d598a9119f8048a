//! Wakes the runtime from a thread of its own. When a run's code blocks the one thread that was waiting
//! for sockets and timers, no other thread of the runtime looks after them until something wakes it: with
//! nothing but sockets and timers to wait for, that is never.

use std::{
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use tokio::runtime::Handle;

/// How often. A task that does nothing costs microseconds.
const EVERY: Duration = Duration::from_millis(250);

/// Wakes the runtime until it is dropped.
pub(crate) struct Nudge {
    _until_dropped: Sender<()>,
}

impl Nudge {
    /// Begins, for the runtime that this is called in.
    pub(crate) fn begin() -> Self {
        let (until_dropped, dropped) = mpsc::channel();
        let runtime = Handle::current();
        let wake = move || {
            while dropped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                runtime.spawn(async {});
            }
        };
        if let Err(error) = thread::Builder::new().name("nudge".to_owned()).spawn(wake) {
            tracing::warn!(%error, "work that never yields may hold up the whole process");
        }
        Self {
            _until_dropped: until_dropped,
        }
    }
}
