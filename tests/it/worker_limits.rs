//! What holds a worker back, and what it does then: lanes, times that are over, the end of the process,
//! a database that is away, and facts that changed since a run was queued.

mod caretaker;
mod gate;
mod kit;
mod late_claim;
mod outage;
mod stopping;
mod times;
