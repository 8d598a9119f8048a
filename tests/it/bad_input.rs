//! What comes in and should not: each hostile request is refused with a problem of the catalogue
//! that names the request and repeats nothing of it; nothing is written, and the next request is
//! served.

mod bodies;
mod raw;
mod routes;
mod texts;
mod trial;
mod values;
mod wrong;
