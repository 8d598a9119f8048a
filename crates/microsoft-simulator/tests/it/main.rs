//! The simulator over real HTTP, as its clients see it.
#![expect(
    clippy::disallowed_methods,
    reason = "a client of the simulator, not of the product"
)]

mod assertions;
mod batch;
mod bending;
mod consent;
mod control;
mod federation;
mod graph;
mod limits;
mod login;
mod metadata;
mod ordering;
mod process;
mod program;
mod queries;
mod replication;
mod script;
mod secrets;
mod size;
mod support;
mod tls;
