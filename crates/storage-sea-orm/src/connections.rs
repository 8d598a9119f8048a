//! Provider connections and their credentials in the database.

mod axes;
mod consent;
mod create;
mod credentials;
mod filter;
mod identity;
pub(crate) mod lookup;
mod observe;
pub(crate) mod rows;
pub(crate) mod upkeep;
pub(crate) mod write;
