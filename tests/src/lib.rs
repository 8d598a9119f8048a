//! The harness: real databases, the real router on a real socket, the real worker, and the
//! simulator behind it. Nothing here stands in for a part of the product.
//!
//! Every test owns its database. Tests step (hold and release the simulator), drain (run the
//! worker until nothing is left) or advance (move a lease's end by hand); they do not sleep.

#![expect(
    clippy::missing_panics_doc,
    reason = "a harness that cannot go on ends the test"
)]

pub mod app;
pub mod capacity;
pub mod certificates;
pub mod chaos;
pub mod database;
pub mod invariants;
pub mod postgres;
pub mod process;
pub mod virtual_time;

pub use app::{Beside, Customer, Home, TestApp, upkeep};
pub use database::{Engine, TestDatabase};
pub use invariants::assert_invariants;

/// Makes one test for each engine out of an async function that takes the engine's database.
/// Where PostgreSQL is not installed its tests say so and end, unless they are required.
#[macro_export]
macro_rules! on_both_engines {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        mod sqlite {
            $($(#[$doc])* #[test]
            fn $name() {
                $crate::database::run($crate::Engine::Sqlite, super::$name);
            })+
        }
        mod postgres {
            $($(#[$doc])* #[test]
            fn $name() {
                $crate::database::run($crate::Engine::Postgres, super::$name);
            })+
        }
    };
}
