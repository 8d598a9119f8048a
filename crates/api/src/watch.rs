//! Watching: one task of the process looks at the store on behalf of everybody who watches, and tells them in
//! memory. A thousand watchers cost the store as much as one.

pub(crate) mod frame;
pub(crate) mod hub;
mod look;
pub(crate) mod seats;
pub(crate) mod source;
