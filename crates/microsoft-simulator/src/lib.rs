//! A stand-in for Microsoft Entra (login) and Microsoft Graph over real HTTP or HTTPS, for demos and tests.
//!
//! One loopback port answers both: `/{tenant}/oauth2/v2.0/token` and `/v1.0/...`, `/beta/...`. Tenants are
//! invented from a seed, errors have the shapes and statuses of the real services, and [`Control`] lets a test
//! inject faults and hold requests, so that nothing has to sleep.
//!
//! Applications prove themselves with secrets, certificates or tokens of another issuer, and get into a tenant by a
//! consent page that a browser, curl or a test can walk. The feature `testing` adds what mints the credentials.
//!
//! It must never know a crate of the product it helps to test, never bind an address that another machine can
//! reach, and never record a credential.

mod certificate;
mod consent;
mod control;
mod control_http;
mod credential;
mod directory;
mod entra;
mod entra_error;
mod exchange;
mod fault;
mod graph;
mod listener;
mod options;
mod population;
mod registration;
mod replication;
mod script;
mod seal;
mod server;
#[cfg(feature = "testing")]
pub mod testing;
mod throttle;
mod tls;
mod token;

pub use control::{Call, CallCount, CallFilter, Control, Hold};
pub use credential::AppCredential;
pub use fault::{Fault, FaultKind, Oddity};
pub use options::{AppOptions, AppState, RECOMMENDED_ROLES, SimulatorOptions, TenantOptions};
pub use registration::AppRegistration;
pub use script::{Rule, Script, ScriptError};
pub use server::Simulator;
pub use throttle::{EarlyRequest, ThrottleClass};
pub use tls::ServerTls;
