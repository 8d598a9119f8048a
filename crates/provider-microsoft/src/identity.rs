//! Who signs in where: a connection's destination in this adapter's own types. Refuses whatever
//! was not canonical when it was stored, because a request would be built from it.

use provider_core::{ConnectionAccess, ConnectionId, ProviderFailure, ReasonCode};
use uuid::Uuid;

use crate::{
    cloud::{Cloud, EndpointOverride, Endpoints},
    limiter::{Key, Limit},
    scope::{MicrosoftScopeRules, guid},
};

/// A resolved identity. Everything that a token depends on is in here, except the secret.
pub(crate) struct Identity {
    pub(crate) connection: ConnectionId,
    pub(crate) workspace: Uuid,
    pub(crate) credential_version: i64,
    pub(crate) cloud: Cloud,
    pub(crate) tenant: Uuid,
    pub(crate) client: Uuid,
    pub(crate) endpoints: Endpoints,
}

impl Identity {
    pub(crate) fn resolve(
        access: &ConnectionAccess,
        instead: Option<&EndpointOverride>,
    ) -> Result<Self, ProviderFailure> {
        let destination = &access.destination;
        if destination.provider.as_str() != MicrosoftScopeRules::KEY {
            return Err(ProviderFailure::ended(ReasonCode::OperationNotSupported));
        }
        let invalid = || ProviderFailure::ended(ReasonCode::ProviderConnectionInvalid);
        let cloud = Cloud::parse(&destination.realm).ok_or_else(invalid)?;
        Ok(Self {
            connection: access.connection_id,
            workspace: access.workspace,
            credential_version: access.credential.version,
            cloud,
            tenant: guid(destination.scope_identifier.as_str()).ok_or_else(invalid)?,
            client: destination
                .client_identifier
                .as_deref()
                .and_then(guid)
                .ok_or_else(invalid)?,
            endpoints: Endpoints::of(cloud, instead),
        })
    }

    /// The bucket of `limit` that this connection's requests count against.
    pub(crate) fn key(&self, limit: Limit) -> Key {
        Key {
            cloud: self.cloud,
            tenant: self.tenant,
            client: (limit == Limit::SignIn).then_some(self.client),
            limit,
        }
    }
}
