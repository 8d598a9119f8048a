//! Which assertions were used before. The real service does not refuse replays strictly, so by default they are
//! only counted.

use std::collections::HashMap;
use std::sync::Mutex;

use uuid::Uuid;

use super::Control;
use crate::directory::lock;

/// From this number on, assertions that have ended are forgotten.
const CAPACITY: usize = 100_000;

#[derive(Default)]
pub(super) struct Replays {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// End of the assertion by client and `jti`.
    seen: HashMap<(Uuid, String), i64>,
    replays: u64,
    refuse: bool,
}

impl Control {
    /// How many client assertions with a known `jti` were sent again by the same client.
    pub fn assertion_replays(&self) -> u64 {
        lock(&self.inner.replays.state).replays
    }

    /// Whether an assertion that was used before is refused, which it is not by default.
    pub fn refuse_assertion_replays(&self, refuse: bool) {
        lock(&self.inner.replays.state).refuse = refuse;
    }

    /// Notes a good assertion; false when it has to be refused.
    pub(crate) fn note_assertion(&self, client: Uuid, id: &str, expires: i64, now: i64) -> bool {
        let mut state = lock(&self.inner.replays.state);
        if state.seen.len() >= CAPACITY {
            state.seen.retain(|_, expires| *expires > now);
        }
        let replayed = state.seen.insert((client, id.to_owned()), expires).is_some();
        state.replays += u64::from(replayed);
        !(replayed && state.refuse)
    }
}
