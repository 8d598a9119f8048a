//! Sessions: what lends repositories. One struct, [`Repo`], implements every repository; which
//! traits it has depends on what it stands on: a pool reads, a transaction also writes.

use std::sync::Arc;

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
use storage::{ReadSession, UnitOfWork};
use tenancy::{
    EnvironmentLookup, EnvironmentRepository, EventLookup, IdempotencyRepository, Journal, MemberLookup,
    MemberRepository, StreamTickets, WorkspaceLookup, WorkspaceRepository,
};
use webhooks::{WebhookLookup, WebhookRepository};

use crate::{
    bounded::{Pool, Tx},
    database::Context,
    error::OrStoreError as _,
};

/// A repository on `C`.
pub(crate) struct Repo<'a, C> {
    pub(crate) db: &'a C,
    pub(crate) context: &'a Context,
}

/// Reads from the pool; each statement takes a connection for itself.
pub(crate) struct Reader {
    db: Pool,
    context: Arc<Context>,
}

impl Reader {
    pub(crate) const fn new(db: Pool, context: Arc<Context>) -> Self {
        Self { db, context }
    }

    fn repo(&self) -> Repo<'_, Pool> {
        Repo {
            db: &self.db,
            context: &self.context,
        }
    }
}

impl ReadSession for Reader {
    fn workspaces(&self) -> Box<dyn WorkspaceLookup + '_> {
        Box::new(self.repo())
    }

    fn environments(&self) -> Box<dyn EnvironmentLookup + '_> {
        Box::new(self.repo())
    }

    fn members(&self) -> Box<dyn MemberLookup + '_> {
        Box::new(self.repo())
    }

    fn journal(&self) -> Box<dyn Journal + '_> {
        Box::new(self.repo())
    }

    fn events(&self) -> Box<dyn EventLookup + '_> {
        Box::new(self.repo())
    }

    fn notifications(&self) -> Box<dyn NotificationLookup + '_> {
        Box::new(self.repo())
    }

    fn connections(&self) -> Box<dyn ConnectionLookup + '_> {
        Box::new(self.repo())
    }

    fn consents(&self) -> Box<dyn ConsentLookup + '_> {
        Box::new(self.repo())
    }

    fn runs(&self) -> Box<dyn RunLookup + '_> {
        Box::new(self.repo())
    }

    fn schedules(&self) -> Box<dyn ScheduleLookup + '_> {
        Box::new(self.repo())
    }

    fn inventory(&self) -> Box<dyn InventoryLookup + '_> {
        Box::new(self.repo())
    }

    fn calls(&self) -> Box<dyn CallLookup + '_> {
        Box::new(self.repo())
    }

    fn webhooks(&self) -> Box<dyn WebhookLookup + '_> {
        Box::new(self.repo())
    }
}

/// One transaction.
pub(crate) struct Transaction {
    db: Tx,
    context: Arc<Context>,
}

impl Transaction {
    pub(crate) const fn new(db: Tx, context: Arc<Context>) -> Self {
        Self { db, context }
    }

    fn repo(&mut self) -> Repo<'_, Tx> {
        Repo {
            db: &self.db,
            context: &self.context,
        }
    }
}

#[async_trait]
impl UnitOfWork for Transaction {
    fn workspaces(&mut self) -> Box<dyn WorkspaceRepository + '_> {
        Box::new(self.repo())
    }

    fn environments(&mut self) -> Box<dyn EnvironmentRepository + '_> {
        Box::new(self.repo())
    }

    fn members(&mut self) -> Box<dyn MemberRepository + '_> {
        Box::new(self.repo())
    }

    fn notifications(&mut self) -> Box<dyn NotificationRepository + '_> {
        Box::new(self.repo())
    }

    fn tickets(&mut self) -> Box<dyn StreamTickets + '_> {
        Box::new(self.repo())
    }

    fn connections(&mut self) -> Box<dyn ConnectionRepository + '_> {
        Box::new(self.repo())
    }

    fn consents(&mut self) -> Box<dyn ConsentRepository + '_> {
        Box::new(self.repo())
    }

    fn runs(&mut self) -> Box<dyn RunRepository + '_> {
        Box::new(self.repo())
    }

    fn attempts(&mut self) -> Box<dyn RunAttempts + '_> {
        Box::new(self.repo())
    }

    fn schedules(&mut self) -> Box<dyn ScheduleRepository + '_> {
        Box::new(self.repo())
    }

    fn retention(&mut self) -> Box<dyn RetentionTurns + '_> {
        Box::new(self.repo())
    }

    fn inventory(&mut self) -> Box<dyn InventoryRepository + '_> {
        Box::new(self.repo())
    }

    fn calls(&mut self) -> Box<dyn CallRepository + '_> {
        Box::new(self.repo())
    }

    fn idempotency(&mut self) -> Box<dyn IdempotencyRepository + '_> {
        Box::new(self.repo())
    }

    fn webhooks(&mut self) -> Box<dyn WebhookRepository + '_> {
        Box::new(self.repo())
    }

    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        // In a task of its own, like the begin: a commit that is on its way arrives.
        let committed = Arc::clone(&self.context.committed);
        let commit = tokio::spawn(async move {
            let result = self.db.commit().await;
            committed.notify_one();
            result
        });
        commit
            .await
            .map_err(|error| StoreError::Unavailable(Box::new(error)))?
            .or_store_error()
    }
}
