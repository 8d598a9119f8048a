//! The storage port on both engines: one suite, run on SQLite and on PostgreSQL. Everything goes
//! through the port; what a test looks at or damages behind its back is raw SQL.

mod backlog;
mod calls;
mod claims;
mod connections;
mod credentials;
mod events;
mod fence;
mod filters;
mod foreign;
mod gate;
mod groups;
mod hints;
mod inventory;
mod journal;
mod lanes;
mod lifecycle;
mod line;
mod observations;
mod pages;
mod plans;
mod points;
mod run_filters;
mod schedules;
mod silence;
mod sweeps;
mod tampering;
mod tenancy;
mod terminal;
mod vanishing;
mod world;
mod writes;
