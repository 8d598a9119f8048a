//! A provider that asks for pauses: runs that are handed back and go on where they stopped, what the
//! ledger and the log say about it, and who hears of a pause.

mod api;
pub(crate) mod kit;
mod ledger;
mod resuming;
mod waiting;
