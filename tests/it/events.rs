//! The event feed, the streams and the inbox, over real sockets and real databases.

mod browser;
mod doors;
mod feed;
mod inbox;
mod kit;
mod many;
mod reader;
mod removed;
mod resuming;
mod runs;
mod slow;
mod told;
