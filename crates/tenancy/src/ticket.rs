//! Tickets for streams. A browser's own reader of event streams can send no header, so it cannot show a
//! token, and a token has no place in an address. A ticket may stand there: it opens one stream of one
//! workspace, once, within a minute. Who got it is asked for his membership again when he uses it.

use async_trait::async_trait;
use kernel::{StoreError, Timestamp};

use crate::{PrincipalId, PrincipalKey, StreamTicketId, WorkspaceId, WorkspaceScope};

/// A ticket to store. The text that was handed out is not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStreamTicket {
    /// Its id.
    pub id: StreamTicketId,
    /// Whose it is.
    pub principal_id: PrincipalId,
    /// The SHA-256 of the text that was handed out.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// After when it is worth nothing.
    pub expires_at: Timestamp,
}

/// Tickets. They come and go within a minute and change nothing, so the journal does not hear of them.
#[async_trait]
pub trait StreamTickets: Send {
    /// Stores a ticket, and forgets those of the workspace that are over.
    async fn issue(&mut self, scope: &WorkspaceScope, ticket: &NewStreamTicket) -> Result<(), StoreError>;

    /// Takes the ticket away. Tells whose it was, unless it is over at `now`, was used, or belongs to another
    /// workspace. A scope begins with this, so it takes none.
    async fn redeem(
        &mut self,
        workspace_id: WorkspaceId,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<PrincipalKey>, StoreError>;
}
