//! The queue of deliveries as a worker sees it: each call a transaction of its own.

use std::time::Duration;

use async_trait::async_trait;
use kernel::{StoreError, Timestamp};
use webhooks::{Attempt, ClaimLimits, ClaimedDelivery, DeliveryQueue, Fence, Next};

use super::{claim::claim, record::record};
use crate::{database::Database, error::OrStoreError as _};

#[async_trait]
impl DeliveryQueue for Database {
    async fn claim(&self, now: Timestamp, limits: ClaimLimits) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let db = self.transaction().await?;
        let claimed = claim(&db, now, limits).await?;
        db.commit().await.or_store_error()?;
        Ok(claimed)
    }

    async fn record(
        &self,
        claimed: &ClaimedDelivery,
        attempt: &Attempt,
        next: Next,
        told: Option<Duration>,
    ) -> Result<Fence, StoreError> {
        let db = self.transaction().await?;
        let fence = record(&db, self.context(), claimed, attempt, (next, told)).await?;
        if fence == Fence::Held {
            db.commit().await.or_store_error()?;
        }
        Ok(fence)
    }
}
