//! Which ids were given out lately: pages overlap where the list changes while it is read. Keeps
//! so many and no more, so that memory does not grow with the list.

use std::collections::{HashSet, VecDeque};

/// Several of the largest pages.
const SIZE: usize = 4_096;

/// Hashes of the latest ids.
#[derive(Default)]
pub(super) struct Window {
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl Window {
    /// Whether the id is new; it is known from now on.
    pub(super) fn insert(&mut self, id: u64) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        if self.order.len() == SIZE
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(id);
        true
    }

    pub(super) fn clear(&mut self) {
        self.order.clear();
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_knows_the_latest_ids_and_does_not_grow() {
        let mut window = Window::default();
        let size = SIZE as u64;
        assert!((0..100 * size).all(|id| window.insert(id)));
        assert!((99 * size..100 * size).all(|id| !window.insert(id)));
        assert!(window.insert(99 * size - 1), "forgotten");
        assert_eq!((window.order.len(), window.known.len()), (SIZE, SIZE));
        window.clear();
        assert!(window.insert(100 * size - 1));
    }
}
