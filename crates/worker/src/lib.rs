//! The worker: claims queued runs, executes them, gives signs of life, sweeps after those who
//! gave none. Runs beside the API in one process, or alone.
//!
//! Has no HTTP surface. Every write of a run carries the attempt that makes it; when a write is
//! refused, the attempt is over and nothing more is written. Between a claim and the first call
//! to a provider stands the execution gate, which looks at the present rows again.

mod calls;
mod checking;
mod execution;
mod finish;
mod housekeeping;
mod outcome;
mod signals;
mod sink;
mod worker;

pub use housekeeping::{Housekeeper, HousekeepingReport};
pub use worker::{Worker, WorkerParts, WorkerSettings};
