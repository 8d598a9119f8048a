//! The event stream of each workspace: numbering what the journal wrote, and reading it in order.

mod lookup;
mod publish;
pub(crate) mod rows;
mod select;

pub(crate) use rows::event as event_of_row;
