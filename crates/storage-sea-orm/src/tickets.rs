//! Tickets for streams: hashes of texts that browsers hold for a minute.

use async_trait::async_trait;
use kernel::{StoreError, Timestamp};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use tenancy::{NewStreamTicket, PrincipalKey, StreamTickets, WorkspaceId, WorkspaceScope};

use crate::{
    bounded::Tx,
    entities::{
        principal,
        stream_ticket::{ActiveModel, Column, Entity},
    },
    error::OrStoreError as _,
    scoped::installation_wide,
    session::Repo,
    time::to_micros,
};

#[async_trait]
impl StreamTickets for Repo<'_, Tx> {
    async fn issue(&mut self, scope: &WorkspaceScope, ticket: &NewStreamTicket) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::WorkspaceId.eq(scope.workspace_id().as_uuid()))
            .filter(Column::ExpiresAt.lte(to_micros(ticket.created_at)))
            .exec(self.db)
            .await
            .or_store_error()?;
        let row = ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            id: Set(ticket.id.as_uuid()),
            principal_id: Set(ticket.principal_id.as_uuid()),
            ticket_hash: Set(ticket.hash.to_vec()),
            created_at: Set(to_micros(ticket.created_at)),
            expires_at: Set(to_micros(ticket.expires_at)),
        };
        Entity::insert(row)
            .exec_without_returning(self.db)
            .await
            .or_store_error()?;
        Ok(())
    }

    async fn redeem(
        &mut self,
        workspace_id: WorkspaceId,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<PrincipalKey>, StoreError> {
        let Some(ticket) = installation_wide::<Entity>()
            .filter(Column::WorkspaceId.eq(workspace_id.as_uuid()))
            .filter(Column::TicketHash.eq(hash.to_vec()))
            .filter(Column::ExpiresAt.gt(to_micros(now)))
            .one(self.db)
            .await
            .or_store_error()?
        else {
            return Ok(None);
        };
        // Of two who come at the same moment, one takes it away.
        let taken = Entity::delete_many()
            .filter(Column::WorkspaceId.eq(workspace_id.as_uuid()))
            .filter(Column::Id.eq(ticket.id))
            .exec(self.db)
            .await
            .or_store_error()?;
        if taken.rows_affected == 0 {
            return Ok(None);
        }
        let principal = installation_wide::<principal::Entity>()
            .filter(principal::Column::Id.eq(ticket.principal_id))
            .one(self.db)
            .await
            .or_store_error()?;
        Ok(principal.map(|row| PrincipalKey {
            issuer: row.issuer,
            subject: row.subject,
        }))
    }
}
