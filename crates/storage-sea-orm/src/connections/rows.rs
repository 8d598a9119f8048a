//! Rows of connections, credentials and requirements, turned into the domain's types.

use std::collections::BTreeMap;

use kernel::{Id, StoreError};
use provider_core::{
    Axis, CalendarEntry, ConnectionType, ConsentHint, ConsentState, CredentialKind, CredentialStage,
    CredentialSummary, CredentialTrial, HistoryEntry, ProviderConnection, ProviderKey, ReasonCode,
    RequirementRow, RequirementState, ScopeIdentifier, ScopeKind, Tags, TargetScope, VerificationState,
};
use tenancy::DisplayName;

use crate::{
    entities::{connection, connection_history, connection_tag, credential, requirement},
    time::{from_micros, from_optional},
};

const TABLE: &str = "provider_connections";

const fn broken(column: &'static str) -> StoreError {
    StoreError::Inconsistent { table: TABLE, column }
}

/// A connection, what may be known of its credentials, and its tags. `credentials` and `tags` may
/// hold those of other connections too.
pub(crate) fn connection(
    row: connection::Model,
    credentials: &[credential::Model],
    tags: &[connection_tag::Model],
) -> Result<ProviderConnection, StoreError> {
    let consent = consent(&row)?;
    let verification = verification(&row)?;
    let own = credentials
        .iter()
        .filter(|credential| credential.connection_id == row.id);
    let summaries = own.map(credential_summary).collect::<Result<Vec<_>, _>>()?;
    let of = |stage| summaries.iter().find(|summary| summary.stage == stage).cloned();
    let tags: BTreeMap<_, _> = tags
        .iter()
        .filter(|tag| tag.connection_id == row.id)
        .map(|tag| (tag.tag_key.clone(), tag.tag_value.clone()))
        .collect();
    let hint_at = from_optional(row.consent_hint_at, TABLE, "consent_hint_at")?;
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
        identity_version: row.identity_version,
        display_name: DisplayName::new(&row.display_name).map_err(|_| broken("display_name"))?,
        tags: Tags::stored(tags),
        connection_type: ConnectionType::parse(&row.connection_type).ok_or(broken("connection_type"))?,
        target_scope,
        realm: row.realm,
        client_identifier: row.client_identifier,
        is_default: row.is_default,
        is_enabled: row.is_enabled,
        consent,
        consent_hint: hint_at
            .zip(row.consent_hint_client)
            .map(|(at, client_identifier)| ConsentHint {
                at,
                client_identifier,
            }),
        verification,
        verification_next_at: from_optional(row.verification_next_at, TABLE, "verification_next_at")?,
        credential: of(CredentialStage::Current),
        next_credential: of(CredentialStage::Next),
        previous_credential: of(CredentialStage::Previous),
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
    let checked_at = from_optional(row.checked_at, TABLE, "checked_at")?;
    let trial = checked_at
        .zip(row.checked_run_id)
        .map(|(at, run)| CredentialTrial {
            at,
            run_id: Id::from_uuid(run),
            reason: row.check_reason.as_deref().map(ReasonCode::parse),
        });
    Ok(CredentialSummary {
        id: Id::from_uuid(row.id),
        version: row.version,
        stage: CredentialStage::parse(&row.stage).ok_or(StoreError::Inconsistent {
            table: TABLE,
            column: "stage",
        })?,
        kind: credential_kind(row)?,
        fingerprint: row.fingerprint.clone(),
        created_at: from_micros(row.created_at, TABLE, "created_at")?,
        expires_at: from_optional(row.expires_at, TABLE, "expires_at")?,
        undecryptable: row.undecryptable,
        keep_until: from_optional(row.keep_until, TABLE, "keep_until")?,
        trial,
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

/// A change of an axis.
pub(crate) fn history_entry(row: connection_history::Model) -> Result<HistoryEntry, StoreError> {
    Ok(HistoryEntry {
        id: Id::from_uuid(row.id),
        axis: row.axis,
        from_state: row.from_state,
        to_state: row.to_state,
        reason: row.reason_code.as_deref().map(ReasonCode::parse),
        run_id: row.run_id.map(Id::from_uuid),
        occurred_at: from_micros(row.occurred_at, "connection_history", "occurred_at")?,
    })
}

/// A credential in the calendar, with the connection that it belongs to.
pub(crate) fn calendar_entry(
    connection: &connection::Model,
    credential: &credential::Model,
) -> Result<CalendarEntry, StoreError> {
    Ok(CalendarEntry {
        connection_id: Id::from_uuid(connection.id),
        environment_id: Id::from_uuid(connection.environment_id),
        connection_name: DisplayName::new(&connection.display_name).map_err(|_| broken("display_name"))?,
        credential: credential_summary(credential)?,
    })
}
