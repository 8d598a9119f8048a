//! Webhooks from end to end: the real API queues, the real deliverer sends over real HTTP to
//! receivers on this machine, and both engines keep what came of it.

pub(crate) mod kit;

mod described;
mod duties;
mod failures;
mod life;
mod once;
mod secrets;
