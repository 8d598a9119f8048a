//! Schedules in the database: reads, the changes that people make, and the turns.

mod due;
mod rows;
mod turns;
mod write;
