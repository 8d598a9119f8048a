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
pub mod connection;
pub mod credential;
pub mod identity;
pub mod ids;
pub mod reason;
pub mod repository;
pub mod surface;
pub mod target_scope;
#[cfg(feature = "testing")]
pub mod testing;
pub mod verification;

pub use adapter::{
    ConnectionAccess, ConnectionCheck, ConsentUrls, Interrupt, Progress, ProviderExecutor, ProviderFailure,
    Retry, RunSignals, ScopeRules,
};
pub use axis::{Axis, ConsentState, CredentialState, RequirementState, VerificationState};
pub use connection::{ConnectionType, Destination, ProviderConnection};
pub use credential::{
    CredentialKind, CredentialSummary, CredentialVault, NewCredential, OpenedCredential, VaultError,
};
pub use identity::{BlockedReason, CredentialSource, EffectiveClientIdentity, IdentityResolution};
pub use ids::{ConnectionId, CredentialId, RunId};
pub use reason::{NextStep, NextStepKind, ReasonCode};
pub use repository::{
    ConnectionLookup, ConnectionRepository, InsertedConnection, Observation, RequirementRow, StoredCredential,
};
pub use surface::{Readiness, SurfaceSummary};
pub use target_scope::{ProviderContext, ProviderKey, ScopeIdentifier, ScopeKind, ScopeProblem, TargetScope};
pub use verification::{Check, CheckStatus, Overall, Severity, VerificationReport};
