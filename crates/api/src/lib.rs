//! The HTTP surface: routes, bodies and views, guards, the problem catalogue, the OpenAPI
//! document.
//!
//! This crate cannot call a provider: it is handed [`provider_core::ScopeRules`], which only
//! thinks, and never the executor that goes out; and it has no HTTP client. It knows no
//! provider's name. Every read is answered from the store alone.
//!
//! To add an endpoint: one file under `routes/`, with the permission in the handler's signature,
//! registered in its area's `configure`. The document, 405 and metrics follow by themselves.

mod answers;
pub mod auth;
mod edge;
mod idempotency;
mod input;
mod journal;
mod lists;
pub mod metrics;
mod openapi;
mod panics;
mod problem;
mod routes;
mod server;
mod state;
mod views;
mod watch;

pub use openapi::openapi;
pub use panics::keep_panic_text_out_of_logs;
pub use problem::code::problems_listing;
pub use routes::configure;
pub use server::{app, serve};
pub use state::{ApiParts, ApiSettings, ApiState, StreamSettings};
