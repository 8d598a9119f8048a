//! Who may do what, where: workspaces, the environments in them, members with roles, and the
//! journal of what they changed.
//!
//! Knows no provider, no operation and no database. Repository traits stand beside the types
//! that they store; [`scope::WorkspaceScope`] is what every one of them asks for first.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod capability;
pub mod environment;
pub mod events;
pub mod idempotency;
pub mod ids;
pub mod journal;
pub mod member;
pub mod name;
pub mod scope;
pub mod ticket;
pub mod workspace;

pub use capability::Capability;
pub use environment::{Environment, EnvironmentLookup, EnvironmentRepository, InsertedEnvironment};
pub use events::{EventFilter, EventLookup, EventPublisher, KindFilter, StreamEvent, StreamPage};
pub use idempotency::{IdempotencyRepository, KeptAnswer, Reservation, ReservationTimes, Reserved};
pub use ids::{
    AuditEventId, EnvironmentId, MemberId, OutboxEventId, PrincipalId, ReservationId, StreamTicketId,
    WorkspaceId,
};
pub use journal::{Actor, AuditAction, AuditEvent, AuditOutcome, Change, ChangeTarget, Journal, Origin};
pub use member::{
    AddedMember, Member, MemberLookup, MemberRepository, Membership, Principal, PrincipalKey, Role,
};
pub use name::{DisplayName, NameError, Slug};
pub use scope::{Denied, SystemTask, WorkspaceScope};
pub use ticket::{NewStreamTicket, StreamTickets};
pub use workspace::{InsertedWorkspace, Workspace, WorkspaceLookup, WorkspaceRepository};
