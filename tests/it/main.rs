//! The integration tests: one binary. `docs/ARCHITECTURE.md` says which invariant each holds.

mod journey;
mod lost_write;
mod race;
mod worker_death;
