//! The composition root: the one crate that knows every other, puts them together, and holds the
//! commands of the `tenantatlas` binary.
//!
//! Nothing is decided here that a domain crate could decide. The provider's adapter is wired in
//! one line of [`compose`]; there is no registry of providers.

pub mod commands;
pub mod compose;
pub mod demo;
pub mod files;
mod platform;
pub mod settings;
pub mod telemetry;
