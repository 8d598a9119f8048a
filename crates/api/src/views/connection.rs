//! Connections as callers see them. What is said in words comes from the one producer, the
//! surface summary.

use chrono::{DateTime, Utc};
use kernel::Timestamp;
use provider_core::{
    Axis, CredentialSource, CredentialState, CredentialSummary, IdentityResolution, ProviderConnection,
    Readiness, RequirementRow, ScopeRules, SurfaceSummary,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    list_views,
    scope::{NextStepView, TargetScopeView},
};

/// A provider connection: an environment bound to one target at one provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Connection)]
pub(crate) struct ConnectionView {
    /// Its id.
    id: Uuid,
    /// The environment that it belongs to.
    environment_id: Uuid,
    /// For people.
    display_name: String,
    /// `platform` or `dedicated`.
    #[schema(example = "dedicated")]
    connection_type: &'static str,
    /// Whether it is the one that is used when none is named.
    is_default: bool,
    /// Whether operations may use it.
    is_enabled: bool,
    /// What it points at.
    target_scope: TargetScopeView,
    /// The provider's own detail. Its keys are the provider's and not part of this contract.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    provider_context: Map<String, Value>,
    /// Who signs in.
    effective_client_identity: ClientIdentityView,
    /// What is known about it, as independent axes.
    axes: AxesView,
    /// What is known of its credential. The secret itself is never shown.
    credential: CredentialView,
    /// What operations need at the provider, and whether it is granted; on the single connection
    /// only.
    #[serde(skip_serializing_if = "Option::is_none")]
    requirements: Option<Vec<RequirementView>>,
    /// Whether it can be worked with, and the one thing to do next.
    summary: SummaryView,
    /// Grows by one with each change that a caller made.
    version: i64,
    /// When it was made.
    created_at: DateTime<Utc>,
}

/// The client that signs in.
#[derive(Serialize, ToSchema)]
#[schema(as = EffectiveClientIdentity)]
struct ClientIdentityView {
    /// The client's identifier at the provider; nothing while none is known.
    client_identifier: Option<String>,
    /// `platform` or `dedicated`.
    connection_type: &'static str,
    /// `platform_config` or `dedicated_credential`.
    #[schema(value_type = String)]
    credential_source: CredentialSource,
}

/// None of the axes is derived from another.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionAxes)]
struct AxesView {
    /// Whether the target's administrator agreed: `unknown`, `required`, `granted`, `failed`,
    /// `revoked`.
    consent: AxisView,
    /// What the last connection check found: `unknown`, `pending`, `healthy`, `degraded`,
    /// `blocked`, `error`.
    verification: AxisView,
}

/// One axis.
#[derive(Serialize, ToSchema)]
#[schema(as = Axis)]
struct AxisView {
    /// The value; new ones may be added.
    state: &'static str,
    /// Why it is so, where there is something to explain.
    reason_code: Option<&'static str>,
    /// Since when it has this value.
    since: DateTime<Utc>,
    /// When a run last looked.
    checked_at: Option<DateTime<Utc>>,
    /// The run that last looked.
    run_id: Option<Uuid>,
}

/// What is known of a credential without looking inside.
#[derive(Serialize, ToSchema)]
#[schema(as = CredentialStatus)]
struct CredentialView {
    /// `missing`, `valid`, `expiring`, `expired` or `undecryptable`.
    state: &'static str,
    /// What kind of secret it is; nothing when none is stored.
    kind: Option<&'static str>,
    /// Counts the credentials of the connection, from 1.
    version: Option<i64>,
    /// When it ends, if anybody told.
    expires_at: Option<DateTime<Utc>>,
    /// When it was stored.
    created_at: Option<DateTime<Utc>>,
}

/// Something that operations need at the provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Requirement)]
struct RequirementView {
    /// Its key.
    key: String,
    /// `granted`, `missing` or `unknown`.
    state: &'static str,
    /// When a run last looked.
    checked_at: DateTime<Utc>,
}

/// Whether a connection can be worked with.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionSummary)]
struct SummaryView {
    /// `ready`, `degraded`, `blocked` or `unknown`.
    #[schema(value_type = String)]
    readiness: Readiness,
    /// Why not, if not.
    reason_code: Option<&'static str>,
    /// The one thing to do next, if there is one.
    next_step: Option<NextStepView>,
}

list_views! {
    /// Connections, oldest first.
    ConnectionList of ConnectionView;
}

impl ConnectionView {
    /// The connection as it stands at `now`.
    pub(crate) fn of(connection: &ProviderConnection, rules: &dyn ScopeRules, now: Timestamp) -> Self {
        let identity = IdentityResolution::resolve(connection, rules, now);
        let summary = SurfaceSummary::of(connection, rules, now);
        let client = identity.effective_client_identity;
        Self {
            id: connection.id.as_uuid(),
            environment_id: connection.environment_id.as_uuid(),
            display_name: connection.display_name.as_str().to_owned(),
            connection_type: connection.connection_type.as_str(),
            is_default: connection.is_default,
            is_enabled: connection.is_enabled,
            target_scope: TargetScopeView::from(&connection.target_scope),
            provider_context: identity.provider_context.0,
            effective_client_identity: ClientIdentityView {
                client_identifier: client.client_identifier,
                connection_type: client.connection_type.as_str(),
                credential_source: client.credential_source,
            },
            axes: AxesView {
                consent: AxisView::of(&connection.consent, connection.consent.value.as_str()),
                verification: AxisView::of(&connection.verification, connection.verification.value.as_str()),
            },
            credential: CredentialView::of(connection.credential.as_ref(), summary.credential_state),
            requirements: None,
            summary: SummaryView {
                readiness: summary.readiness,
                reason_code: summary.reason_code.map(provider_core::ReasonCode::as_str),
                next_step: summary.next_step.map(NextStepView::from),
            },
            version: connection.version,
            created_at: connection.created_at,
        }
    }

    /// The same with what is known of the requirements.
    #[must_use]
    pub(crate) fn with_requirements(mut self, rows: Vec<RequirementRow>) -> Self {
        self.requirements = Some(rows.into_iter().map(RequirementView::from).collect());
        self
    }
}

impl AxisView {
    fn of<T>(axis: &Axis<T>, state: &'static str) -> Self {
        let Axis {
            value: _,
            reason,
            since,
            checked_at,
            run_id,
        } = axis;
        Self {
            state,
            reason_code: reason.map(provider_core::ReasonCode::as_str),
            since: *since,
            checked_at: *checked_at,
            run_id: run_id.map(|id| id.as_uuid()),
        }
    }
}

impl CredentialView {
    fn of(summary: Option<&CredentialSummary>, state: CredentialState) -> Self {
        Self {
            state: state.as_str(),
            kind: summary.map(|summary| summary.kind.as_str()),
            version: summary.map(|summary| summary.version),
            expires_at: summary.and_then(|summary| summary.expires_at),
            created_at: summary.map(|summary| summary.created_at),
        }
    }
}

impl From<RequirementRow> for RequirementView {
    fn from(row: RequirementRow) -> Self {
        let RequirementRow {
            key,
            state,
            checked_at,
            run_id: _,
        } = row;
        Self {
            key,
            state: state.as_str(),
            checked_at,
        }
    }
}
