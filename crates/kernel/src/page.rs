//! Keyset pages: a list is read forward from a position, never by offset.

use uuid::Uuid;

use crate::Timestamp;

/// How many items a page may hold: 1 to 200, 50 unless told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u16);

impl PageLimit {
    /// The largest page that is served.
    pub const MAX: u16 = 200;

    /// `None` when `limit` lies outside 1 to 200.
    pub const fn new(limit: u16) -> Option<Self> {
        if limit == 0 || limit > Self::MAX {
            None
        } else {
            Some(Self(limit))
        }
    }

    /// The number of items.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// One more than the page holds: reading it tells whether another page follows.
    pub const fn with_lookahead(self) -> u64 {
        self.0 as u64 + 1
    }
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(50)
    }
}

/// A place in a list that is sorted by time and then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The time of the last item already read.
    pub at: Timestamp,
    /// Its id, which separates items of the same moment.
    pub id: Uuid,
}

/// What a caller wants of a list.
#[derive(Debug, Clone, Copy, Default)]
pub struct PageRequest {
    /// How many items at the most.
    pub limit: PageLimit,
    /// Read on after this position; from the beginning without it.
    pub after: Option<Position>,
}

/// A part of a list and where the next part begins.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Where to read on; nothing when this was the last page.
    pub next: Option<Position>,
}

impl<T> Page<T> {
    /// Makes a page of items that were read with [`PageLimit::with_lookahead`].
    pub fn from_lookahead(mut items: Vec<T>, limit: PageLimit, position: impl Fn(&T) -> Position) -> Self {
        let full = usize::from(limit.get());
        let more = items.len() > full;
        items.truncate(full);
        let next = if more { items.last().map(position) } else { None };
        Self { items, next }
    }

    /// The same page of other items.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(change).collect(),
            next: self.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(number: u32) -> Position {
        Position {
            at: Timestamp::default(),
            id: Uuid::from_u128(u128::from(number)),
        }
    }

    #[test]
    fn only_a_full_page_with_more_behind_it_has_a_next_position() {
        let limit = PageLimit::new(2).expect("in range");
        let page = Page::from_lookahead(vec![1, 2, 3], limit, |number| position(*number));
        assert_eq!(page.items, [1, 2]);
        assert_eq!(page.next, Some(position(2)));
        assert_eq!(
            Page::from_lookahead(vec![1, 2], limit, |number| position(*number)).next,
            None
        );
    }

    #[test]
    fn limits_outside_the_range_do_not_exist() {
        assert!(PageLimit::new(0).is_none() && PageLimit::new(201).is_none());
        assert_eq!(PageLimit::default().get(), 50);
    }
}
