//! Provider connections and their credentials in the database.

pub(crate) mod lookup;
pub(crate) mod rows;
pub(crate) mod write;
