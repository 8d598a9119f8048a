//! Storms: processes are killed, the database crashes, sessions end, and callers go on. Afterwards
//! every promise must have been kept. `docs/faults.md` has the deep form's figures.

mod flood;
mod hangups;
mod pauses;
mod seeded;
mod storms;
mod teeth;
