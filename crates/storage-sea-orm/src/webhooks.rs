//! Webhooks: what callers do with them, what follows from an event, and the worker's side of
//! deliveries.

pub(crate) mod claim;
pub(crate) mod fan_out;
pub(crate) mod lookup;
pub(crate) mod queue;
pub(crate) mod record;
pub(crate) mod rows;
pub(crate) mod secrets;
mod take;
pub(crate) mod vault;
pub(crate) mod write;
