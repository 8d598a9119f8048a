//! The event stream of each workspace: numbering what the journal wrote, and reading it in order.

mod lookup;
mod publish;
mod rows;
