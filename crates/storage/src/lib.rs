//! The storage port: the repository traits of the crates below, bundled into a unit of work that
//! is one transaction. No SQL, no driver, no decryption.
//!
//! To add a repository: write the trait beside the type that it stores, lend it from
//! [`ReadSession`] or [`UnitOfWork`], implement it in the storage adapter, and add its cases to
//! the repository suite, which runs on every engine.

mod watching;

use async_trait::async_trait;
use inventory::{InventoryLookup, InventoryRepository};
use kernel::StoreError;
use operations::{
    NotificationLookup, NotificationRepository, RetentionTurns, RunAttempts, RunLookup, RunRepository,
    ScheduleLookup, ScheduleRepository,
};
use provider_core::{
    CallLookup, CallRepository, ConnectionLookup, ConnectionRepository, ConsentLookup, ConsentRepository,
};
use tenancy::{
    EnvironmentLookup, EnvironmentRepository, EventLookup, IdempotencyRepository, Journal, MemberLookup,
    MemberRepository, StreamTickets, WorkspaceLookup, WorkspaceRepository,
};
use webhooks::{WebhookLookup, WebhookRepository};

pub use watching::{RunMark, StreamEnd, Watching};

/// Where sessions come from. Given to the API and to the worker.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Begins a unit of work. What it wrote is gone unless it is committed.
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError>;

    /// Opens a session for reading. It cannot write.
    async fn read(&self) -> Result<Box<dyn ReadSession>, StoreError>;

    /// Whether the store answers and its schema is the one that this program knows.
    async fn ready(&self) -> Result<(), StoreError>;
}

/// Reads. One statement sees the present state; two may see two states.
pub trait ReadSession: Send + Sync {
    /// Workspaces.
    fn workspaces(&self) -> Box<dyn WorkspaceLookup + '_>;
    /// Environments.
    fn environments(&self) -> Box<dyn EnvironmentLookup + '_>;
    /// Members.
    fn members(&self) -> Box<dyn MemberLookup + '_>;
    /// The audit log.
    fn journal(&self) -> Box<dyn Journal + '_>;
    /// The event stream.
    fn events(&self) -> Box<dyn EventLookup + '_>;
    /// Notifications.
    fn notifications(&self) -> Box<dyn NotificationLookup + '_>;
    /// Connections.
    fn connections(&self) -> Box<dyn ConnectionLookup + '_>;
    /// Consent links.
    fn consents(&self) -> Box<dyn ConsentLookup + '_>;
    /// Runs.
    fn runs(&self) -> Box<dyn RunLookup + '_>;
    /// Schedules.
    fn schedules(&self) -> Box<dyn ScheduleLookup + '_>;
    /// Items and snapshots.
    fn inventory(&self) -> Box<dyn InventoryLookup + '_>;
    /// What calls came to.
    fn calls(&self) -> Box<dyn CallLookup + '_>;
    /// Webhooks and what was delivered.
    fn webhooks(&self) -> Box<dyn WebhookLookup + '_>;
}

/// One transaction. It is lent to one repository at a time, committed once, and rolled back when
/// it is dropped without that.
#[async_trait]
pub trait UnitOfWork: Send {
    /// Workspaces.
    fn workspaces(&mut self) -> Box<dyn WorkspaceRepository + '_>;
    /// Environments.
    fn environments(&mut self) -> Box<dyn EnvironmentRepository + '_>;
    /// Members.
    fn members(&mut self) -> Box<dyn MemberRepository + '_>;
    /// Notifications.
    fn notifications(&mut self) -> Box<dyn NotificationRepository + '_>;
    /// Tickets for streams.
    fn tickets(&mut self) -> Box<dyn StreamTickets + '_>;
    /// Connections.
    fn connections(&mut self) -> Box<dyn ConnectionRepository + '_>;
    /// Consent links.
    fn consents(&mut self) -> Box<dyn ConsentRepository + '_>;
    /// Runs, on behalf of callers.
    fn runs(&mut self) -> Box<dyn RunRepository + '_>;
    /// Runs, on behalf of the attempt that holds them.
    fn attempts(&mut self) -> Box<dyn RunAttempts + '_>;
    /// Schedules.
    fn schedules(&mut self) -> Box<dyn ScheduleRepository + '_>;
    /// Whose turn it is to be looked after.
    fn retention(&mut self) -> Box<dyn RetentionTurns + '_>;
    /// Items and snapshots.
    fn inventory(&mut self) -> Box<dyn InventoryRepository + '_>;
    /// What calls came to.
    fn calls(&mut self) -> Box<dyn CallRepository + '_>;
    /// Requests that are made once.
    fn idempotency(&mut self) -> Box<dyn IdempotencyRepository + '_>;
    /// Webhooks.
    fn webhooks(&mut self) -> Box<dyn WebhookRepository + '_>;

    /// Makes everything that was written permanent.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}
