//! The life of connections: made, made the default, switched off, renamed, retargeted, listed,
//! summed up, deleted.

mod counting;
mod defaults;
mod deletion;
mod identity;
mod lists;
mod patch;
mod preview;
mod surfaces;
mod switch;
