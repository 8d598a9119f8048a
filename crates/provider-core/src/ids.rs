//! The ids of this crate.

use kernel::{Id, IdKind};

/// Marks ids of the kind `connection`.
pub enum ConnectionKind {}
impl IdKind for ConnectionKind {
    const NAME: &'static str = "connection";
}
/// A provider connection.
pub type ConnectionId = Id<ConnectionKind>;

/// Marks ids of the kind `credential`.
pub enum CredentialIdKind {}
impl IdKind for CredentialIdKind {
    const NAME: &'static str = "credential";
}
/// A provider credential of a connection.
pub type CredentialId = Id<CredentialIdKind>;

/// Marks ids of the kind `operation_run`.
pub enum RunKind {}
impl IdKind for RunKind {
    const NAME: &'static str = "operation_run";
}
/// An operation run. It stands here because connections and reports name the run that last
/// looked at them.
pub type RunId = Id<RunKind>;

/// Marks ids of the kind `consent_link`.
pub enum ConsentLinkKind {}
impl IdKind for ConsentLinkKind {
    const NAME: &'static str = "consent_link";
}
/// A consent link.
pub type ConsentLinkId = Id<ConsentLinkKind>;

/// Marks ids of the kind `history_entry`.
pub enum HistoryEntryKind {}
impl IdKind for HistoryEntryKind {
    const NAME: &'static str = "history_entry";
}
/// An entry of a connection's history.
pub type HistoryEntryId = Id<HistoryEntryKind>;
