//! Retention in the database: whose turn it is, and the removal of what is older than it is kept.

mod follow_ups;
mod histories;
mod prune;
mod turns;
