//! The simulator over real HTTP, as its clients see it.
#![expect(
    clippy::disallowed_methods,
    reason = "a client of the simulator, not of the product"
)]

mod assertions;
mod consent;
mod control;
mod federation;
mod graph;
mod login;
mod metadata;
mod program;
mod replication;
mod secrets;
mod support;
mod tls;
