//! Sends webhooks: the second door to the network. Resolves names itself, refuses a name of which
//! any answer is not allowed, and connects to nothing but the addresses that it checked.
//!
//! Must never put an address, a header or a body of a receiver into an error, a log line or a
//! row: what leaves this crate is a status or a code.

mod client;
mod lookup;

pub use client::{ClientError, Sender, SenderSettings};
pub use lookup::{NameLookup, SystemLookup};
