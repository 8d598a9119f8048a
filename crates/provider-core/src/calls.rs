//! What an adapter tells about its calls while it works, and what it needs to go on where an
//! earlier attempt stopped. Names of calls, limits and codes are the provider's own: they are kept
//! as they are and shown under `provider_context` alone.
//!
//! Never a body, an address, a header or a text of the provider: see [`ProviderCode`].

mod batch;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use kernel::{Page, PageRequest, StoreError, Timestamp};
use tenancy::WorkspaceScope;
use uuid::Uuid;

pub use self::batch::{CallBatch, LimitCounts};
use crate::{ConnectionId, ReasonCode, RunId};

/// How one attempt at one call came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// With an answer that fits its contract.
    Answered,
    /// The provider asked for a pause.
    Throttled,
    /// In any other way, for this reason.
    Failed(ReasonCode),
}

impl CallOutcome {
    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Throttled => "throttled",
            Self::Failed(_) => "failed",
        }
    }
}

/// The provider's own code of a refusal. There is no way to put a text into it that came from
/// outside: a number, or an entry of the adapter's own table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderCode {
    /// A number, with the prefix that the provider writes before it.
    Numbered(&'static str, u64),
    /// A code that the adapter knows.
    Known(&'static str),
}

impl fmt::Display for ProviderCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered(prefix, number) => write!(f, "{prefix}{number}"),
            Self::Known(code) => f.write_str(code),
        }
    }
}

/// One attempt at one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// When it was over.
    pub at: Timestamp,
    /// The stable name of the call in the adapter's registry.
    pub call: &'static str,
    /// The name of the limit that it counts against.
    pub limit: &'static str,
    /// Which attempt at this call it was, from 1.
    pub attempt: u32,
    /// How it came out.
    pub outcome: CallOutcome,
    /// The HTTP status; nothing when no answer came.
    pub status: Option<u16>,
    /// The provider's code of a refusal.
    pub code: Option<ProviderCode>,
    /// The provider's name for the exchange.
    pub request_id: Option<Uuid>,
    /// The provider's names for a refused sign-in.
    pub trace_id: Option<Uuid>,
    /// The name that we gave to the exchange.
    pub correlation_id: Option<Uuid>,
    /// From the request to the end of the answer.
    pub took: Duration,
    /// What the run loses by it: the wait for its turn before, and the wait that the answer asks
    /// for, whether the run waits itself or is handed back.
    pub lost: Duration,
    /// Until when the limit is closed because of the answer.
    pub paused_until: Option<Timestamp>,
}

/// A limit that is closed at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The name of the limit, as in [`CallRecord::limit`].
    pub limit: String,
    /// Until when.
    pub until: Timestamp,
}

/// Where an executor stopped, in its own words: nobody else reads it. At most
/// [`ResumePoint::LONGEST`] bytes, no secret, no name of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumePoint {
    /// What the executor wrote.
    pub text: String,
    /// When it wrote it: what is too old is not gone by.
    pub written_at: Timestamp,
}

impl ResumePoint {
    /// Longer texts are not kept.
    pub const LONGEST: usize = 64 << 10;
}

/// What one limit did to one connection, since the connection's first call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThrottleLedgerRow {
    /// The limit.
    pub limit: String,
    /// Attempts at calls that count against it.
    pub attempts: u64,
    /// Of these, the ones that the provider answered with a pause.
    pub throttled: u64,
    /// Of these, the ones that failed in any other way.
    pub failed: u64,
    /// What runs lost by it.
    pub lost: Duration,
    /// When the provider last asked for a pause.
    pub last_throttled_at: Option<Timestamp>,
    /// Until when the limit was last closed; it is open when that has passed.
    pub paused_until: Option<Timestamp>,
    /// When anything was last counted.
    pub updated_at: Timestamp,
}

/// An attempt as the log keeps it. Attempts that were answered as they should be are counted in
/// the ledger and not kept one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCallAttempt {
    /// Its id in the log.
    pub id: Uuid,
    /// The run that made it.
    pub run_id: RunId,
    /// When it was over.
    pub at: Timestamp,
    /// The call.
    pub call: String,
    /// The limit.
    pub limit: String,
    /// Which attempt at the call.
    pub attempt: u32,
    /// How it came out: [`CallOutcome::as_str`].
    pub outcome: String,
    /// Why it failed.
    pub reason_code: Option<ReasonCode>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The provider's code.
    pub code: Option<String>,
    /// The provider's name for the exchange.
    pub request_id: Option<Uuid>,
    /// The provider's name for a refused sign-in.
    pub trace_id: Option<Uuid>,
    /// Our name for the exchange.
    pub correlation_id: Option<Uuid>,
    /// From the request to the end of the answer.
    pub took: Duration,
    /// What the run lost by it.
    pub lost: Duration,
}

/// What the installation's calls came to, for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallTotals {
    /// The limit.
    pub limit: String,
    /// Attempts.
    pub attempts: u64,
    /// Answered with a pause.
    pub throttled: u64,
    /// Failed otherwise.
    pub failed: u64,
    /// Time lost.
    pub lost: Duration,
    /// How many connections wait for it at present.
    pub paused_connections: u64,
}

/// Reads of the ledger and the log.
#[async_trait]
pub trait CallLookup: Send + Sync {
    /// The ledger of a connection, by limit.
    async fn throttle_ledger(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
    ) -> Result<Vec<ThrottleLedgerRow>, StoreError>;

    /// The attempts of a connection that were not answered as they should be, newest first.
    async fn call_attempts(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        page: PageRequest,
    ) -> Result<Page<StoredCallAttempt>, StoreError>;

    /// Limits that are closed at present for the target of a connection, as all connections of the
    /// scope to the same target left them: each with the latest moment.
    async fn open_pauses(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
    ) -> Result<Vec<Pause>, StoreError>;
}

/// Writes of the ledger and the log.
#[async_trait]
pub trait CallRepository: CallLookup {
    /// Adds what a run's calls came to. The log of the connection keeps its newest
    /// [`CallBatch::DETAILS`]. Whether the run is still the caller's does not matter: a call that was
    /// made was made. All of them are added or none, and a refusal leaves the transaction usable.
    async fn add_calls(
        &mut self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        run: RunId,
        calls: &CallBatch,
    ) -> Result<(), StoreError>;
}
