//! Requests that may be repeated: a caller names a request by a key of his own, and whoever comes
//! again with the same key hears what the first one heard, without a second effect.
//!
//! A request is reserved before it is worked at, in a short transaction of its own. Its answer is
//! kept in the transaction of its change: both are there, or neither. A reservation whose time is
//! over (its process died, or is slow) may be taken over; the one who lost it notices when he keeps
//! his answer, and must roll back. Knows nothing of HTTP but a status, names and values.

use std::time::Duration;

use async_trait::async_trait;
use kernel::StoreError;

use crate::{PrincipalId, ReservationId, WorkspaceScope};

/// A request that somebody wants to make once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Whose request it is.
    pub principal_id: PrincipalId,
    /// A digest of the route, the path and the caller's key.
    pub request_key: String,
    /// A keyed digest of the body. The body itself may hold a secret and is not kept.
    pub fingerprint: String,
    /// Proves who holds the reservation.
    pub fence: ReservationId,
}

/// How long reservations and answers count, on the database's clock.
#[derive(Debug, Clone, Copy)]
pub struct ReservationTimes {
    /// After how long somebody else may take over an unfinished request.
    pub lock: Duration,
    /// How long the answer is kept.
    pub keep: Duration,
}

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The status.
    pub status: u16,
    /// Names and values of the headers that matter.
    pub headers: Vec<(String, String)>,
    /// The body; nothing if it held a secret, which is shown once.
    pub body: Option<String>,
}

/// What became of a try to reserve a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// Go on: nobody else works at it.
    Mine,
    /// It was made before; this is what came of it.
    Answered(KeptAnswer),
    /// Somebody is at it.
    InFlight,
    /// The key names a request with another body.
    AnotherBody,
}

/// Where reservations and answers are.
#[async_trait]
pub trait IdempotencyRepository: Send {
    /// Reserves a request. What is too old counts as not there.
    async fn reserve(
        &mut self,
        scope: &WorkspaceScope,
        reservation: &Reservation,
        times: ReservationTimes,
    ) -> Result<Reserved, StoreError>;

    /// Keeps the answer, in the transaction of the change. `false` when the reservation is not the
    /// caller's any more: he must not commit.
    async fn keep(
        &mut self,
        scope: &WorkspaceScope,
        reservation: &Reservation,
        answer: &KeptAnswer,
    ) -> Result<bool, StoreError>;

    /// Gives a reservation back, if it still is the caller's and nothing came of it.
    async fn release(&mut self, scope: &WorkspaceScope, reservation: &Reservation) -> Result<(), StoreError>;
}
