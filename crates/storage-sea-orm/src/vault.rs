//! Opens credentials and resume points. The only thing in the product that decrypts; handed to the
//! worker alone.

use async_trait::async_trait;
use kernel::{SecretText, StoreError};
use provider_core::{
    CredentialStage, CredentialVault, OpenedCredential, ProviderConnection, ResumePoint, RunId, VaultError,
};
use sea_orm::{ColumnTrait as _, QueryFilter as _};
use tenancy::WorkspaceScope;

use crate::{
    cipher::{
        Undecryptable,
        binding::{Binding, PointBinding},
        envelope,
        workspace_keys::{self, KeyError},
    },
    connections::rows::credential_kind,
    database::Database,
    entities::{
        connection,
        credential::{Column, Entity, Model},
        resume_point::Model as Point,
    },
    error::OrStoreError as _,
    runs::points,
    scoped::{scoped, scoped_by_id},
    time::from_micros,
};

/// Opens the credentials of one database with one key ring.
pub struct Vault {
    database: Database,
}

impl Vault {
    pub(crate) const fn new(database: Database) -> Self {
        Self { database }
    }

    pub(crate) const fn database(&self) -> &Database {
        &self.database
    }

    async fn row(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        stage: CredentialStage,
    ) -> Result<Model, VaultError> {
        scoped::<Entity>(scope)
            .filter(Column::ConnectionId.eq(connection.id.as_uuid()))
            .filter(Column::Stage.eq(stage.as_str()))
            .one(self.database.readers())
            .await
            .or_store_error()?
            .ok_or(VaultError::Missing)
    }

    async fn open_row(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        row: &Model,
    ) -> Result<OpenedCredential, VaultError> {
        let (db, ring) = (self.database.readers(), &self.database.context().ring);
        // Read after the credential: if the connection is still as the caller knows it, the
        // credential is the one that belongs to it.
        let unchanged = scoped_by_id::<connection::Entity>(scope, connection.id.as_uuid())
            .filter(connection::Column::IdentityVersion.eq(connection.identity_version))
            .filter(connection::Column::DeletedAt.is_null())
            .one(db)
            .await
            .or_store_error()?;
        if unchanged.is_none() {
            return Err(VaultError::Store(StoreError::Conflict));
        }
        let destination = connection.destination();
        let binding = Binding {
            workspace_id: scope.workspace_id(),
            environment_id: connection.environment_id,
            connection_id: connection.id,
            credential_id: kernel::Id::from_uuid(row.id),
            version: row.version,
            kind: credential_kind(row)?,
            destination: &destination,
        };
        let name = envelope::key_name(&row.sealed)?;
        let key = workspace_keys::named(db, ring, scope.workspace_id(), &name).await??;
        let secret = envelope::open(&key, &binding, &row.sealed)?;
        let text = String::from_utf8(secret.to_vec()).map_err(|_| VaultError::Undecryptable)?;
        Ok(OpenedCredential {
            version: row.version,
            kind: binding.kind,
            secret: SecretText::new(text),
        })
    }
}

#[async_trait]
impl CredentialVault for Vault {
    async fn open_stage(
        &self,
        scope: &WorkspaceScope,
        connection: &ProviderConnection,
        stage: CredentialStage,
    ) -> Result<OpenedCredential, VaultError> {
        let mut before = None;
        loop {
            let row = self.row(scope, connection, stage).await?;
            match self.open_row(scope, connection, &row).await {
                // A rotation may have moved the credential to another data key, and dropped the old
                // one, after the row was read and before the key was. The row tells: as long as its
                // bytes are others than those that did not open, it is worth another try.
                Err(VaultError::Undecryptable) if before.as_ref() != Some(&row.sealed) => {
                    before = Some(row.sealed);
                }
                result => return result,
            }
        }
    }

    async fn resume_point(
        &self,
        scope: &WorkspaceScope,
        run: RunId,
    ) -> Result<Option<ResumePoint>, StoreError> {
        let Some(row) = points::find(self.database.readers(), scope, run).await? else {
            return Ok(None);
        };
        let Some(text) = self.open_point(scope, &row).await? else {
            tracing::warn!(run_id = %run, "a resume point cannot be opened, the run begins anew");
            return Ok(None);
        };
        let written_at = from_micros(row.written_at, "run_resume_points", "written_at")?;
        Ok(Some(ResumePoint { text, written_at }))
    }
}

impl Vault {
    /// The text of a sealed point, if it still can be opened.
    async fn open_point(&self, scope: &WorkspaceScope, row: &Point) -> Result<Option<String>, StoreError> {
        let (db, ring) = (self.database.readers(), &self.database.context().ring);
        let Ok(name) = envelope::key_name(&row.sealed) else {
            return Ok(None);
        };
        let Ok(key) = workspace_keys::named(db, ring, scope.workspace_id(), &name).await? else {
            return Ok(None);
        };
        let binding = PointBinding {
            workspace_id: scope.workspace_id(),
            run_id: kernel::Id::from_uuid(row.run_id),
        };
        let text = envelope::open(&key, &binding, &row.sealed).ok();
        Ok(text.and_then(|text| String::from_utf8(text.to_vec()).ok()))
    }
}

impl From<KeyError> for VaultError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Undecryptable => Self::Undecryptable,
            KeyError::Missing => Self::KeyMissing,
        }
    }
}

impl From<Undecryptable> for VaultError {
    fn from(_: Undecryptable) -> Self {
        Self::Undecryptable
    }
}
