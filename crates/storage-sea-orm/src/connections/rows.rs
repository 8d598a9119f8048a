//! Rows of connections, credentials and requirements, turned into the domain's types.

use kernel::{Id, StoreError};
use provider_core::{
    Axis, ConnectionType, ConsentState, CredentialKind, CredentialSummary, ProviderConnection, ProviderKey,
    ReasonCode, RequirementRow, RequirementState, ScopeIdentifier, ScopeKind, TargetScope, VerificationState,
};
use tenancy::DisplayName;

use crate::{
    entities::{connection, credential, requirement},
    time::{from_micros, from_optional},
};

const TABLE: &str = "provider_connections";

const fn broken(column: &'static str) -> StoreError {
    StoreError::Inconsistent { table: TABLE, column }
}

/// A connection and what may be known of its credential.
pub(crate) fn connection(
    row: connection::Model,
    credential: Option<&credential::Model>,
) -> Result<ProviderConnection, StoreError> {
    let consent = consent(&row)?;
    let verification = verification(&row)?;
    let target_scope = TargetScope::stored(
        ProviderKey::new(&row.provider).map_err(|_| broken("provider"))?,
        ScopeKind::parse(&row.scope_kind).ok_or(broken("scope_kind"))?,
        ScopeIdentifier::canonical(row.scope_identifier),
        DisplayName::new(&row.scope_display_name).map_err(|_| broken("scope_display_name"))?,
    );
    Ok(ProviderConnection {
        workspace_id: Id::from_uuid(row.workspace_id),
        environment_id: Id::from_uuid(row.environment_id),
        id: Id::from_uuid(row.id),
        version: row.version,
        display_name: DisplayName::new(&row.display_name).map_err(|_| broken("display_name"))?,
        connection_type: ConnectionType::parse(&row.connection_type).ok_or(broken("connection_type"))?,
        target_scope,
        realm: row.realm,
        client_identifier: row.client_identifier,
        is_default: row.is_default,
        is_enabled: row.is_enabled,
        consent,
        verification,
        credential: credential.map(credential_summary).transpose()?,
        created_at: from_micros(row.created_at, TABLE, "created_at")?,
    })
}

fn consent(row: &connection::Model) -> Result<Axis<ConsentState>, StoreError> {
    Ok(Axis {
        value: ConsentState::parse(&row.consent_state).ok_or(broken("consent_state"))?,
        reason: row.consent_reason.as_deref().map(ReasonCode::parse),
        since: from_micros(row.consent_since, TABLE, "consent_since")?,
        checked_at: from_optional(row.consent_checked_at, TABLE, "consent_checked_at")?,
        run_id: row.consent_run_id.map(Id::from_uuid),
    })
}

fn verification(row: &connection::Model) -> Result<Axis<VerificationState>, StoreError> {
    Ok(Axis {
        value: VerificationState::parse(&row.verification_state).ok_or(broken("verification_state"))?,
        reason: row.verification_reason.as_deref().map(ReasonCode::parse),
        since: from_micros(row.verification_since, TABLE, "verification_since")?,
        checked_at: from_optional(row.verification_checked_at, TABLE, "verification_checked_at")?,
        run_id: row.verification_run_id.map(Id::from_uuid),
    })
}

/// The kind of a stored credential.
pub(crate) fn credential_kind(row: &credential::Model) -> Result<CredentialKind, StoreError> {
    CredentialKind::parse(&row.kind).ok_or(StoreError::Inconsistent {
        table: "provider_credentials",
        column: "kind",
    })
}

/// What may be known of a stored credential: everything but the secret.
pub(crate) fn credential_summary(row: &credential::Model) -> Result<CredentialSummary, StoreError> {
    const TABLE: &str = "provider_credentials";
    Ok(CredentialSummary {
        id: Id::from_uuid(row.id),
        version: row.version,
        kind: credential_kind(row)?,
        created_at: from_micros(row.created_at, TABLE, "created_at")?,
        expires_at: from_optional(row.expires_at, TABLE, "expires_at")?,
        undecryptable: row.undecryptable,
    })
}

/// What is known of a requirement.
pub(crate) fn requirement(row: requirement::Model) -> Result<RequirementRow, StoreError> {
    const TABLE: &str = "connection_requirements";
    Ok(RequirementRow {
        key: row.requirement_key,
        state: RequirementState::parse(&row.state).ok_or(StoreError::Inconsistent {
            table: TABLE,
            column: "state",
        })?,
        checked_at: from_micros(row.checked_at, TABLE, "checked_at")?,
        run_id: Id::from_uuid(row.run_id),
    })
}
