//! Stores what an inventory reads, page by page, each page in a transaction that first confirms
//! that the attempt still holds its run.

use async_trait::async_trait;
use inventory::{ObservationSink, ObservedItem};
use kernel::{Clock, StoreError};
use operations::{Fence, RunLease};
use provider_core::{ConnectionId, Interrupt, ResumePoint};
use storage::Storage;
use tenancy::WorkspaceScope;

/// The sink of one attempt.
pub(crate) struct StoreSink<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) scope: &'a WorkspaceScope,
    pub(crate) lease: RunLease,
    pub(crate) connection_id: ConnectionId,
}

impl StoreSink<'_> {
    async fn store(&mut self, page: &[ObservedItem]) -> Result<Fence, StoreError> {
        let mut unit = self.storage.begin().await?;
        if unit.attempts().confirm(&self.lease).await? == Fence::Lost {
            return Ok(Fence::Lost);
        }
        let at = self.clock.now();
        unit.inventory()
            .upsert(self.scope, self.connection_id, self.lease.run_id, at, page)
            .await?;
        unit.commit().await?;
        Ok(Fence::Held)
    }
}

#[async_trait]
impl ObservationSink for StoreSink<'_> {
    async fn accept(
        &mut self,
        page: Vec<ObservedItem>,
        _resume: Option<&ResumePoint>,
    ) -> Result<(), Interrupt> {
        let page: Vec<_> = page.into_iter().map(ObservedItem::without_nul).collect();
        match self.store(&page).await {
            Ok(Fence::Held) => Ok(()),
            Ok(Fence::Lost) => Err(Interrupt::Lost),
            Err(error) => {
                tracing::warn!(run_id = %self.lease.run_id, %error, "a page could not be stored");
                Err(Interrupt::StoreFailed {
                    retryable: error.retryable(),
                })
            }
        }
    }
}
