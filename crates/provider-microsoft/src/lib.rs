//! The one adapter: everything that the product knows about Microsoft Entra and Microsoft Graph.
//!
//! The rules about names ([`MicrosoftScopeRules`]) are pure and may be given to anybody. The
//! [`MicrosoftProvider`] goes out to the network and is given to the worker alone. No SQL, no
//! HTTP surface, no word of a provider's answer leaves this crate: failures are reason codes.

#![warn(clippy::wildcard_enum_match_arm)]

mod check;
mod cloud;
pub mod contracts;
mod errors;
mod gateway;
mod http;
mod identity;
mod inventory;
mod pages;
mod pause;
mod provider;
mod pulse;
mod retry;
mod scope;
#[cfg(test)]
mod testing;
mod token;
mod token_cache;

pub use cloud::{Cloud, EndpointOverride, Endpoints, NotLoopback};
pub use http::ClientError;
pub use pause::{Pauses, SystemPauses};
pub use provider::{MicrosoftProvider, MicrosoftSettings};
pub use scope::MicrosoftScopeRules;
