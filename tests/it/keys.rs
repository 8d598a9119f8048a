//! The keys that protect stored credentials: their states, their rotation beside everybody's
//! work, the commands that lead them through their lives, and what is left when one is lost.

mod commands;
mod harness;
mod killed;
mod race;
mod restored;
mod rotation;
mod running;
mod states;
#[path = "repositories/world.rs"]
#[expect(
    dead_code,
    clippy::duplicate_mod,
    reason = "the same world as that of the repositories, of which these tests use a part"
)]
mod world;
#[path = "repositories/writes.rs"]
#[expect(dead_code, clippy::duplicate_mod, reason = "see above")]
mod writes;
