//! A stand-in for Microsoft Entra (login) and Microsoft Graph over real HTTP, for demos and tests.
//!
//! One loopback port answers both: `/{tenant}/oauth2/v2.0/token` and `/v1.0/...`, `/beta/...`. Tenants are
//! invented from a seed, errors have the shapes and statuses of the real services, and [`Control`] lets a test
//! inject faults and hold requests, so that nothing has to sleep.
//!
//! It must never know a crate of the product it helps to test, never bind an address that another machine can
//! reach, and never record a credential.

mod control;
mod control_http;
mod directory;
mod entra;
mod entra_error;
mod exchange;
mod fault;
mod graph;
mod options;
mod population;
mod seal;
mod server;
mod token;

pub use control::{Call, Control, Hold};
pub use fault::{Fault, FaultKind};
pub use options::{AppOptions, AppState, RECOMMENDED_ROLES, SimulatorOptions, TenantOptions};
pub use server::Simulator;
