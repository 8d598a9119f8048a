//! Measures what a run costs: CPU time of API, worker and PostgreSQL, transactions, rows and bytes. For
//! a capacity plan; nothing here is asserted, since a machine's speed is no property of the product.

mod measure;
mod world;

pub use measure::{Cost, Meter};
pub use world::{Fleet, FleetOptions};
