//! The ids of this crate. Append only, alphabetical.

use kernel::{Id, IdKind};

macro_rules! id_kinds {
    ($($(#[$doc:meta])* $kind:ident, $alias:ident, $name:literal;)*) => {$(
        #[doc = concat!("Marks ids of the kind `", $name, "`.")]
        pub enum $kind {}
        impl IdKind for $kind {
            const NAME: &'static str = $name;
        }
        $(#[$doc])*
        pub type $alias = Id<$kind>;
    )*};
}

id_kinds! {
    /// One line of the audit log.
    AuditEventKind, AuditEventId, "audit_event";
    /// A managed environment inside a workspace.
    EnvironmentKind, EnvironmentId, "environment";
    /// A principal's membership of a workspace.
    MemberKind, MemberId, "member";
    /// One event waiting to be delivered.
    OutboxEventKind, OutboxEventId, "outbox_event";
    /// A person or program that can prove who it is.
    PrincipalKind, PrincipalId, "principal";
    /// One try at a request that is made once.
    ReservationKind, ReservationId, "reservation";
    /// The right to open one stream of events.
    StreamTicketKind, StreamTicketId, "stream_ticket";
    /// A workspace: the outer boundary of isolation.
    WorkspaceKind, WorkspaceId, "workspace";
}
