//! Consent links in the database: hashes of texts that others hold, and the one visit that each
//! link may end in.

use async_trait::async_trait;
use kernel::{Id, StoreError, Timestamp};
use provider_core::{
    ConnectionType, ConsentHint, ConsentLink, ConsentLinkId, ConsentLookup, ConsentQuestion,
    ConsentRepository, ConsentResult, ConsentState, NewConsentLink, ProviderConnection, ReasonCode, TextHash,
    VerificationState, Written,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _, Query, UpdateStatement},
};
use tenancy::{Change, WorkspaceScope};

use super::{
    axes::{self, Axes},
    lookup::{self, Keep},
    observe::release_platform_target,
    write::update,
};
use crate::{
    bounded::Tx,
    entities::{
        connection,
        consent_link::{ActiveModel, Column, Entity, Model},
        workspace,
    },
    error::OrStoreError as _,
    journal,
    scoped::installation_wide,
    session::Repo,
    time::{from_micros, to_micros},
};

const TABLE: &str = "consent_links";

fn hash(bytes: Vec<u8>, column: &'static str) -> Result<TextHash, StoreError> {
    bytes
        .try_into()
        .map_err(|_| StoreError::Inconsistent { table: TABLE, column })
}

fn link(row: Model) -> Result<ConsentLink, StoreError> {
    let browser = row.browser_hash.map(|bytes| hash(bytes, "browser_hash"));
    let result = row.result.as_deref().map(|text| {
        ConsentResult::parse(text).ok_or(StoreError::Inconsistent {
            table: TABLE,
            column: "result",
        })
    });
    Ok(ConsentLink {
        workspace_id: Id::from_uuid(row.workspace_id),
        id: Id::from_uuid(row.id),
        question: ConsentQuestion {
            connection_id: Id::from_uuid(row.connection_id),
            identity_version: row.identity_version,
            scope_identifier: row.scope_identifier,
            client_identifier: row.client_identifier,
            permission_set: row.permission_set,
        },
        browser_hash: browser.transpose()?,
        return_to: row.return_to,
        created_at: from_micros(row.created_at, TABLE, "created_at")?,
        expires_at: from_micros(row.expires_at, TABLE, "expires_at")?,
        result: result.transpose()?,
    })
}

#[async_trait]
impl<C: ConnectionTrait> ConsentLookup for Repo<'_, C> {
    async fn by_link(&self, hash: &TextHash) -> Result<Option<ConsentLink>, StoreError> {
        let row = installation_wide::<Entity>()
            .filter(Column::LinkHash.eq(hash.to_vec()))
            .one(self.db)
            .await
            .or_store_error()?;
        row.map(link).transpose()
    }

    async fn by_state(&self, hash: &TextHash) -> Result<Option<ConsentLink>, StoreError> {
        let row = installation_wide::<Entity>()
            .filter(Column::StateHash.eq(hash.to_vec()))
            .one(self.db)
            .await
            .or_store_error()?;
        row.map(link).transpose()
    }

    async fn asking_workspace(&self, link: &ConsentLink) -> Result<String, StoreError> {
        let row = installation_wide::<workspace::Entity>()
            .filter(workspace::Column::Id.eq(link.workspace_id.as_uuid()))
            .one(self.db)
            .await
            .or_store_error()?;
        row.map(|row| row.display_name).ok_or(StoreError::Conflict)
    }
}

#[async_trait]
impl ConsentRepository for Repo<'_, Tx> {
    async fn insert_link(
        &mut self,
        scope: &WorkspaceScope,
        link: &NewConsentLink,
        change: &Change,
    ) -> Result<(), StoreError> {
        let question = &link.question;
        let row = ActiveModel {
            workspace_id: Set(scope.workspace_id().as_uuid()),
            id: Set(link.id.as_uuid()),
            connection_id: Set(question.connection_id.as_uuid()),
            link_hash: Set(link.link_hash.to_vec()),
            state_hash: Set(None),
            browser_hash: Set(None),
            identity_version: Set(question.identity_version),
            scope_identifier: Set(question.scope_identifier.clone()),
            client_identifier: Set(question.client_identifier.clone()),
            permission_set: Set(question.permission_set.clone()),
            return_to: Set(link.return_to.clone()),
            created_by: Set(link.created_by.map(|id| id.as_uuid())),
            created_at: Set(to_micros(link.created_at)),
            expires_at: Set(to_micros(link.expires_at)),
            started_at: Set(None),
            used_at: Set(None),
            result: Set(None),
        };
        Entity::insert(row)
            .exec_without_returning(self.db)
            .await
            .or_store_error()?;
        journal::record(self.db, scope.workspace_id(), change).await
    }

    async fn begin_visit(
        &mut self,
        scope: &WorkspaceScope,
        link: ConsentLinkId,
        state: &TextHash,
        browser: &TextHash,
        at: Timestamp,
        change: &Change,
    ) -> Result<bool, StoreError> {
        let begin = unused(scope, link, at)
            .value(Column::StateHash, state.to_vec())
            .value(Column::BrowserHash, browser.to_vec())
            .value(Column::StartedAt, to_micros(at))
            .to_owned();
        if self.db.execute(&begin).await.or_store_error()?.rows_affected() == 0 {
            return Ok(false);
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(true)
    }

    async fn use_up(
        &mut self,
        scope: &WorkspaceScope,
        link: ConsentLinkId,
        state: &TextHash,
        result: ConsentResult,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let end = unused(scope, link, at)
            .value(Column::UsedAt, to_micros(at))
            .value(Column::Result, result.as_str())
            .and_where(Expr::col(Column::StateHash).eq(state.to_vec()))
            .to_owned();
        Ok(self.db.execute(&end).await.or_store_error()?.rows_affected() == 1)
    }

    async fn record_hint(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        hint: &ConsentHint,
        check_follows: bool,
        change: &Change,
    ) -> Result<Written, StoreError> {
        use connection::Column as C;
        let Some(known) = lookup::locked(self.db, scope, connection.id, Keep::FromWriters).await? else {
            return Ok(Written::VersionMismatch);
        };
        let mut axes = Axes::of(&known);
        if check_follows {
            axes.verification = axes.verification.set(VerificationState::Pending, None, hint.at);
            axes.next_at = None;
        }
        let of_same_client = known
            .consent_hint
            .as_ref()
            .is_some_and(|known| known.client_identifier == hint.client_identifier);
        if known.connection_type == ConnectionType::Platform && !of_same_client {
            axes.consent = axes.consent.set(
                ConsentState::Required,
                Some(ReasonCode::ProviderConsentMissing),
                hint.at,
            );
            release_platform_target(self.db, scope, &known).await?;
        }
        let seen = ProviderConnection {
            identity_version: connection.identity_version,
            ..known
        };
        let ids = self.context.ids.as_ref();
        if !axes::write(self.db, ids, scope, &seen, &axes, hint.at).await? {
            return Ok(Written::VersionMismatch);
        }
        let remember = update(scope, connection.id)
            .value(C::ConsentHintAt, to_micros(hint.at))
            .value(C::ConsentHintClient, hint.client_identifier.as_str())
            .to_owned();
        self.db.execute(&remember).await.or_store_error()?;
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Written::Done)
    }

    async fn record_refusal(
        &mut self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        reason: ReasonCode,
        at: Timestamp,
        change: &Change,
    ) -> Result<Written, StoreError> {
        let Some(known) = lookup::locked(self.db, scope, connection.id, Keep::FromWriters).await? else {
            return Ok(Written::VersionMismatch);
        };
        let mut axes = Axes::of(&known);
        if may_be_refused(&known) {
            axes.consent = axes.consent.set(ConsentState::Failed, Some(reason), at);
        }
        let seen = ProviderConnection {
            identity_version: connection.identity_version,
            ..known
        };
        let ids = self.context.ids.as_ref();
        if !axes::write(self.db, ids, scope, &seen, &axes, at).await? {
            return Ok(Written::VersionMismatch);
        }
        journal::record(self.db, scope.workspace_id(), change).await?;
        Ok(Written::Done)
    }

    async fn record_rejection(&mut self, scope: &WorkspaceScope, change: &Change) -> Result<(), StoreError> {
        journal::record(self.db, scope.workspace_id(), change).await
    }
}

/// Whether a declined page says anything new. What a check found out, be it granted, required or
/// revoked, is not undone by a page that anybody may decline.
const fn may_be_refused(connection: &ProviderConnection) -> bool {
    match (connection.connection_type, connection.consent.value) {
        (_, ConsentState::Unknown | ConsentState::Failed)
        | (ConnectionType::Platform, ConsentState::Required) => true,
        (_, ConsentState::Granted | ConsentState::Revoked)
        | (ConnectionType::Dedicated, ConsentState::Required) => false,
    }
}

/// An update of a link that was not used and is not over.
fn unused(scope: &WorkspaceScope, link: ConsentLinkId, at: Timestamp) -> UpdateStatement {
    Query::update()
        .table(Entity)
        .and_where(Expr::col(Column::WorkspaceId).eq(scope.workspace_id().as_uuid()))
        .and_where(Expr::col(Column::Id).eq(link.as_uuid()))
        .and_where(Expr::col(Column::UsedAt).is_null())
        .and_where(Expr::col(Column::ExpiresAt).gt(to_micros(at)))
        .to_owned()
}
