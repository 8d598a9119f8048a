//! Holds: requests wait at a gate until a test opens it, so that tests step instead of sleeping.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::directory::lock;

/// All gates that are closed now.
#[derive(Default)]
pub(crate) struct Holds {
    state: Mutex<(u64, Vec<Arc<Gate>>)>,
}

struct Gate {
    id: u64,
    path_contains: String,
    waiting: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

/// Counts a waiting request for as long as it waits, also when its client goes away.
struct Waiting<'a>(&'a Gate);

impl<'a> Waiting<'a> {
    fn at(gate: &'a Gate) -> Self {
        gate.waiting.send_modify(|count| *count += 1);
        Self(gate)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.send_modify(|count| *count -= 1);
    }
}

impl Holds {
    pub(crate) fn add(self: &Arc<Self>, path_contains: &str) -> Hold {
        let mut state = lock(&self.state);
        state.0 += 1;
        let gate = Arc::new(Gate {
            id: state.0,
            path_contains: path_contains.to_owned(),
            waiting: watch::Sender::new(0),
            open: watch::Sender::new(false),
        });
        state.1.push(Arc::clone(&gate));
        Hold {
            gate,
            holds: Arc::clone(self),
        }
    }

    fn next_gate(&self, path: &str) -> Option<Arc<Gate>> {
        lock(&self.state)
            .1
            .iter()
            .find(|gate| path.contains(&gate.path_contains))
            .cloned()
    }

    /// Returns when no gate stands in the way of the path.
    pub(crate) async fn pass(&self, path: &str) {
        while let Some(gate) = self.next_gate(path) {
            let mut open = gate.open.subscribe();
            let _waiting = Waiting::at(&gate);
            // The sender lives in the gate that we hold, so this cannot fail.
            let _ = open.wait_for(|open| *open).await;
        }
    }

    fn open(&self, gate: &Gate) {
        lock(&self.state).1.retain(|other| other.id != gate.id);
        gate.open.send_replace(true);
    }

    /// Opens every gate, for shutting down.
    pub(crate) fn open_all(&self) {
        for gate in std::mem::take(&mut lock(&self.state).1) {
            gate.open.send_replace(true);
        }
    }
}

/// A closed gate; opening it lets the waiting requests and all later ones through. Dropping opens it too.
#[must_use = "a hold that is dropped holds nothing"]
pub struct Hold {
    gate: Arc<Gate>,
    holds: Arc<Holds>,
}

impl Hold {
    /// Opens the gate.
    pub fn release(self) {
        drop(self);
    }

    /// How many requests are waiting at it now.
    pub fn waiting(&self) -> usize {
        *self.gate.waiting.borrow()
    }

    /// Resolves once at least one request is waiting.
    pub async fn reached(&self) {
        self.reached_by(1).await;
    }

    /// Resolves once at least so many requests are waiting at the same time.
    pub async fn reached_by(&self, requests: usize) {
        // The sender lives in the gate that we hold, so this cannot fail.
        let _ = self
            .gate
            .waiting
            .subscribe()
            .wait_for(|count| *count >= requests)
            .await;
    }

    pub(crate) fn id(&self) -> u64 {
        self.gate.id
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holds.open(&self.gate);
    }
}
