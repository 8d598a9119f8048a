//! The one adapter: everything that the product knows about Microsoft Entra and Microsoft Graph.
//!
//! The rules about names ([`MicrosoftScopeRules`]) go out to nobody and may be given to anybody.
//! The [`MicrosoftProvider`] goes out to the network and the [`MicrosoftPlatformVault`] opens what
//! the operator configured: both are given to the worker alone. No SQL, no HTTP surface, no word of a provider's answer leaves this crate: failures are reason codes.

#![warn(clippy::wildcard_enum_match_arm)]

mod assertion;
mod batch;
mod certificate;
mod challenge;
mod check;
mod cloud;
mod consent;
pub mod contracts;
mod credentials;
mod discovery;
mod errors;
mod federated;
mod files;
mod gateway;
mod http;
mod identity;
mod inventory;
mod jwt;
mod limiter;
mod pages;
mod pause;
mod platform;
mod proof;
mod provider;
mod pulse;
mod resume;
mod retry;
mod scope;
#[cfg(test)]
mod testing;
mod token;
mod token_cache;

pub use cloud::{Cloud, EndpointOverride, Endpoints, NotLoopback};
pub use discovery::{Discovery, DiscoveryError, discover};
pub use federated::{AllowedWorkspaces, FederatedSource, FederatedSources};
pub use http::ClientError;
pub use pause::{Pauses, SystemPauses};
pub use platform::{
    MicrosoftPlatformVault, PlatformCredentialFile, PlatformIdentitySettings, PlatformProblem,
};
pub use provider::{MicrosoftProvider, MicrosoftSettings};
pub use scope::MicrosoftScopeRules;
