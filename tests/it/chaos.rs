//! Storms: processes are killed, the database crashes, sessions end, and callers go on. Afterwards
//! every promise must have been kept. `docs/faults.md` has the deep form's figures.

mod cold_start;
mod failpoints;
mod flood;
mod hangups;
mod held;
mod pauses;
mod restored;
mod seeded;
pub(crate) mod stage;
mod storms;
mod teeth;
