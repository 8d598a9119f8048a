//! The integration tests: one binary. `docs/ARCHITECTURE.md` says which invariant each holds.

mod access;
mod bad_input;
mod boundaries;
mod connection_life;
mod consent;
mod credential_life;
mod fake_provider;
mod groups;
mod journey;
mod keys;
mod leaks;
mod lost_write;
mod migrations;
mod neutrality;
mod openapi;
mod race;
mod reads;
mod repositories;
mod schedules;
mod spec;
mod storm;
mod tables;
mod throttling;
mod tls;
mod wire;
mod worker_death;
