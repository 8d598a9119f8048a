//! The whole adapter over real HTTP, against the simulator.

mod batching;
mod checking;
mod dying;
mod faults;
mod hostile;
mod installing;
mod logs;
mod midway;
mod pacing;
mod proving;
mod reading;
mod resuming;
mod storm;
