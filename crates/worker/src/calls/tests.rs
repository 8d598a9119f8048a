//! Calls that wait to be written: what comes back, and what does not.

use std::{
    future::{self, Future as _},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use kernel::Timestamp;
use provider_core::CallOutcome;

use super::*;

fn call(number: u32) -> CallRecord {
    CallRecord {
        at: Timestamp::from_timestamp_micros(i64::from(number)).expect("in range"),
        call: "list",
        limit: "reads",
        attempt: number,
        outcome: CallOutcome::Throttled,
        status: None,
        code: None,
        request_id: None,
        trace_id: None,
        correlation_id: None,
        took: Duration::ZERO,
        lost: Duration::ZERO,
        paused_until: None,
    }
}

/// A book in which two calls were taken, and one told since.
fn taken(book: &CallBook) -> TakenCalls<'_> {
    book.record(call(1));
    book.record(call(2));
    let taken = book.take();
    book.record(call(3));
    taken
}

/// Which calls wait in the book, and how many are counted there.
fn waiting(book: &CallBook) -> (Vec<u32>, u64) {
    book.with(|calls| {
        let counted = calls.counts().map(|(_, counts)| counts.attempts).sum();
        (calls.details().map(|call| call.attempt).collect(), counted)
    })
}

#[tokio::test]
async fn what_was_committed_is_gone_and_what_was_refused_comes_back() {
    let book = CallBook::default();
    let arrived = taken(&book).commit(future::ready(Ok(()))).await;
    arrived.expect("arrives");
    assert_eq!(waiting(&book), (vec![3], 1));

    let book = CallBook::default();
    let refused = taken(&book)
        .commit(future::ready(Err(StoreError::Conflict)))
        .await;
    assert!(refused.is_err());
    assert_eq!(waiting(&book), (vec![1, 2, 3], 3));
}

/// The task that writes may be dropped at any moment: the worker shuts down, or the run is lost.
#[test]
fn whoever_goes_away_leaves_nothing_counted_twice() {
    let book = CallBook::default();
    drop(taken(&book));
    assert_eq!(waiting(&book), (vec![1, 2, 3], 3), "before the commit");

    let book = CallBook::default();
    {
        let mut commit = pin!(taken(&book).commit(future::pending()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(matches!(commit.as_mut().poll(&mut context), Poll::Pending));
    }
    assert_eq!(
        waiting(&book),
        (vec![3], 1),
        "a commit that is on its way arrives"
    );
}
