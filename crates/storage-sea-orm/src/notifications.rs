//! Notifications: written in the transaction that numbers the end of a run, read by whom they are for.

mod inbox;
mod told;

pub(crate) use told::told;
