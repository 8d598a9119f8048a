//! From the provider's errors to reason codes. What a provider says is read for its numbers and
//! shapes and then dropped: no text of it leaves these functions.

pub(crate) mod entra;
pub(crate) mod graph;
