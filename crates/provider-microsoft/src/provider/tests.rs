//! The whole adapter over real HTTP, against the simulator.

mod checking;
mod faults;
mod logs;
mod proving;
mod reading;
