//! The worker: claims queued runs, executes them, gives signs of life. Runs beside the API in one
//! process, or alone. The caretaker: what every process does now and then, with a worker or without one.
//!
//! Has no HTTP surface. Every write of a run carries the attempt that makes it; when a write is
//! refused, the attempt is over and nothing more is written. Between a claim and the first call
//! to a provider stands the execution gate, which looks at the present rows again.

mod calls;
mod caretaker;
mod checking;
mod chores;
mod deliveries;
mod execution;
mod finish;
mod housekeeping;
mod lease;
mod nudge;
mod outcome;
mod scheduler;
mod signals;
mod sink;
mod stop;
mod watch;
mod worker;

pub use caretaker::{Caretaker, Chore, ChoreRecord, ChoreRecords};
pub use chores::{Publish, Sweep, Upkeep};
pub use deliveries::{Deliverer, DelivererParts, DeliverySettings};
pub use housekeeping::{Housekeeper, HousekeepingReport};
pub use scheduler::{Scheduler, SchedulerReport};
pub use stop::LeftBehind;
pub use worker::{Worker, WorkerParts, WorkerSettings};
