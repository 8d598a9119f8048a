//! The neutral contracts between the product and whatever it connects to: what a connection
//! points at, which identity it uses, what is known about it, why something failed, and the
//! traits that an adapter implements.
//!
//! No provider's name or word may stand in this crate, nor in what it serializes outside
//! `provider_context`: `tests/it/boundaries.rs` scans for them. What an adapter can do is split
//! by power: [`adapter::ScopeRules`] and [`adapter::ConsentUrls`] are pure and go to the API;
//! [`adapter::ProviderExecutor`] goes out to the network and goes to the worker alone.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod adapter;
pub mod axis;
pub mod boundary;
pub mod calls;
pub mod connection;
pub mod consent;
pub mod credential;
pub mod identity;
pub mod ids;
pub mod reason;
pub mod repository;
pub mod surface;
pub mod tags;
pub mod target_scope;
#[cfg(feature = "testing")]
pub mod testing;
pub mod verification;

pub use adapter::{
    AskedPermission, CallbackUnreadable, ConnectionAccess, ConnectionCheck, ConsentAnswer, ConsentCallback,
    ConsentUrls, Interrupt, PlatformClient, Progress, ProviderExecutor, ProviderFailure, Retry, RunSignals,
    ScopeRules,
};
pub use axis::{Axis, ConsentState, CredentialState, RequirementState, VerificationState};
pub use calls::{
    CallBatch, CallLookup, CallOutcome, CallRecord, CallRepository, CallTotals, LimitCounts, Pause,
    ProviderCode, ResumePoint, StoredCallAttempt, ThrottleLedgerRow,
};
pub use connection::{ConnectionDraft, ConnectionType, ConsentHint, Destination, ProviderConnection};
pub use consent::{
    ConsentLink, ConsentLookup, ConsentQuestion, ConsentRepository, ConsentResult, NewConsentLink, TextHash,
};
pub use credential::{
    CredentialInput, CredentialKind, CredentialRefusal, CredentialStage, CredentialSummary, CredentialTrial,
    CredentialVault, NewCredential, OpenedCredential, PlatformVault, PreparedCredential, VaultError,
};
pub use identity::{BlockedReason, CredentialSource, EffectiveClientIdentity, IdentityResolution};
pub use ids::{ConnectionId, ConsentLinkId, CredentialId, HistoryEntryId, RunId};
pub use reason::{NextStep, NextStepKind, ReasonCode};
pub use repository::{
    CalendarEntry, ConnectionFilter, ConnectionLookup, ConnectionPatch, ConnectionRepository,
    ConnectionUpkeep, Deleted, HistoryEntry, InsertedConnection, Observation, PlatformRealm, Recorded,
    RequirementRow, Retargeted, StoredCredential, SummaryFilter, UpkeepReport, UpkeepSettings, Written,
};
pub use surface::{Readiness, SurfaceSummary};
pub use tags::{TagProblem, Tags};
pub use target_scope::{ProviderContext, ProviderKey, ScopeIdentifier, ScopeKind, ScopeProblem, TargetScope};
pub use verification::{Check, CheckStatus, Overall, Severity, VerificationReport};
