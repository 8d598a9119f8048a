//! Stores what an inventory reads, page by page, each page with its resume point in a transaction
//! that first confirms that the attempt still holds its run.

use async_trait::async_trait;
use inventory::{ObservationSink, ObservedItem};
use kernel::{Clock, StoreError};
use operations::{ClaimedRun, Fence};
use provider_core::{ConnectionId, Interrupt, ResumePoint};
use storage::Storage;

use crate::signals::heard;

/// The sink of one attempt.
pub(crate) struct StoreSink<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) claimed: &'a ClaimedRun,
    pub(crate) connection_id: ConnectionId,
}

impl StoreSink<'_> {
    async fn store(&self, page: &[ObservedItem], resume: Option<&ResumePoint>) -> Result<Fence, StoreError> {
        let ClaimedRun { scope, run, lease } = self.claimed;
        let mut unit = self.storage.begin().await?;
        let fence = match resume {
            Some(point) => unit.attempts().save_point(lease, point).await?,
            None => unit.attempts().confirm(lease).await?,
        };
        if fence == Fence::Lost {
            return Ok(Fence::Lost);
        }
        let at = self.clock.now();
        unit.inventory()
            .upsert(scope, self.connection_id, run.id, at, page)
            .await?;
        unit.commit().await?;
        fail::fail_point!("worker.page_n");
        Ok(Fence::Held)
    }
}

#[async_trait]
impl ObservationSink for StoreSink<'_> {
    async fn accept(
        &mut self,
        page: Vec<ObservedItem>,
        resume: Option<&ResumePoint>,
    ) -> Result<(), Interrupt> {
        let page: Vec<_> = page.into_iter().map(ObservedItem::without_nul).collect();
        heard(self.claimed, "a page", self.store(&page, resume).await)
    }
}
