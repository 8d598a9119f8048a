//! Rows, one file a table. Private to this crate.

#![expect(
    unreachable_pub,
    reason = "the derive asks for public types; the module itself is private"
)]

pub(crate) mod audit_event;
pub(crate) mod call_attempt;
pub(crate) mod connection;
pub(crate) mod connection_history;
pub(crate) mod connection_tag;
pub(crate) mod consent_link;
pub(crate) mod credential;
pub(crate) mod environment;
pub(crate) mod expiry_notice;
pub(crate) mod item;
pub(crate) mod key_ring_entry;
pub(crate) mod member;
pub(crate) mod notification;
pub(crate) mod outbox_event;
pub(crate) mod platform_target;
pub(crate) mod principal;
pub(crate) mod requirement;
pub(crate) mod resume_point;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod snapshot;
pub(crate) mod stream_ticket;
pub(crate) mod throttle_ledger;
pub(crate) mod webhook;
pub(crate) mod webhook_attempt;
pub(crate) mod webhook_delivery;
pub(crate) mod webhook_secret;
pub(crate) mod workspace;
pub(crate) mod workspace_key;
