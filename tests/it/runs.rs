//! Operation runs over HTTP: requests that are made once, starts, lists, timelines, and the ways to
//! step in where a run does not end by itself.

mod kit;
mod once;
mod once_lost;
mod plans;
mod starting;
mod statements;
mod stepping_in;
mod timeline;
