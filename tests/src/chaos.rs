//! The fault harness: processes that are killed, paused and cut off while callers go on, and the
//! checks that say afterwards whether every promise was kept.
//!
//! Every plan of faults is a function of its seed. Each test has a quick form, which runs with
//! the others, and a deep form: set `TENANTATLAS_DEEP=1` (see [`depth`] and `docs/faults.md`).

pub mod bugs;
pub mod callers;
pub mod depth;
pub mod drill;
pub mod driver;
pub mod failpoints;
pub mod fleet;
pub mod ground;
pub mod history;
pub mod invariants;
pub mod link;
pub mod order;
pub mod plan;
pub mod raw;
pub mod reference;
pub mod report;
pub mod seed;
pub mod steps;
pub mod storm;
pub mod world;
