//! Operation runs in the database: the gate's insert, the worker's claim, the fenced writes, the
//! end of a run, the groups of runs and the sweep.

pub(crate) mod attempts;
pub(crate) mod claim;
pub(crate) mod depth;
pub(crate) mod end;
mod filter;
pub(crate) mod groups;
pub(crate) mod lookup;
pub(crate) mod points;
pub(crate) mod queue;
pub(crate) mod rows;
pub(crate) mod sweep;
pub(crate) mod write;
