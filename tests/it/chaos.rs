//! Storms: processes are killed, the database crashes, sessions end, and callers go on. Afterwards
//! every promise must have been kept. `docs/faults.md` has the deep form's figures.

mod cold_start;
mod failpoints;
mod flood;
mod hangups;
mod held;
mod limits;
mod network;
mod pauses;
mod restored;
mod seeded;
pub(crate) mod stage;
mod storms;
mod teeth;

/// Whoever starts many processes has the machine for himself: what they come to in a few seconds is what is
/// looked at.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
