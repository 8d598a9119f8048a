//! The storage adapter: SQLite and PostgreSQL through sea-orm. The only user of sea-orm beside
//! the migrations.
//!
//! Rows never leave this crate: repositories give and take domain types. Database errors leave
//! it as [`kernel::StoreError`] with a code and a constraint name, never with row contents.
//! The [`Vault`] is the one thing here that decrypts; whoever composes the program hands it to
//! the worker and to nobody else.

mod bounded;
mod calls;
mod cipher;
mod connect;
mod connections;
mod database;
pub mod doctor;
mod entities;
mod environments;
mod error;
mod events;
mod idempotency;
pub mod invariants;
mod inventory_store;
mod journal;
mod keys;
mod members;
mod notifications;
mod postgres;
mod retention;
mod runs;
mod schedules;
mod schema;
mod scoped;
mod session;
mod sqlite;
mod tickets;
mod time;
mod vault;
mod watching;
mod webhooks;
mod workspaces;

pub use cipher::ring::{KeyRing, KeyRingError};
pub use connect::{ConnectError, DatabaseUrl};
pub use database::Database;
pub use keys::{
    Added, KeyAdmin, KeyAdminError, KeyLine, KeyState, KeyStatus, RotationProgress, RotationReport, Usage,
};
pub use postgres::pool_options as postgres_pool_options;
pub use runs::queue::Queue;
pub use schema::SchemaError;
pub use vault::Vault;
