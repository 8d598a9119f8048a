//! Connections as callers see them. What is said in words comes from the one producer, the
//! surface summary.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kernel::Timestamp;
use provider_core::{
    Axis, ConnectionType, CredentialSource, CredentialState, CredentialSummary, CredentialTrial,
    EffectiveClientIdentity, IdentityResolution, PlatformClient, ProviderConnection, Readiness,
    RequirementRow, ScopeRules, SurfaceSummary, credential::state_until,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::ApiState;

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
    /// What you sort it by.
    tags: BTreeMap<String, String>,
    /// What it points at.
    target_scope: TargetScopeView,
    /// The provider's own detail. Its keys are the provider's and not part of this contract.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    provider_context: Map<String, Value>,
    /// Who signs in.
    effective_client_identity: ClientIdentityView,
    /// What is known about it, as independent axes.
    axes: AxesView,
    /// What is known of the credential that runs use. The secret itself is never shown.
    credential: CredentialView,
    /// The one that is to follow, if there is one: try it with a check, then promote it.
    next_credential: Option<CredentialView>,
    /// The one before, while it can still be put back.
    previous_credential: Option<CredentialView>,
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
pub(crate) struct ClientIdentityView {
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
pub(crate) struct AxesView {
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
pub(crate) struct AxisView {
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
    /// Whether the last look is too long ago to rely on.
    stale: bool,
    /// When a run that waits for the provider looks again.
    next_check_at: Option<DateTime<Utc>>,
}

/// What is known of a credential without looking inside.
#[derive(Serialize, ToSchema)]
#[schema(as = CredentialStatus)]
pub(crate) struct CredentialView {
    /// `missing`, `valid`, `expiring`, `expired` or `undecryptable`.
    state: &'static str,
    /// `client_secret`, `certificate` or `federated_token`; nothing when none is stored.
    kind: Option<&'static str>,
    /// Counts the credentials of the connection, from 1. Nothing for the platform's.
    version: Option<i64>,
    /// Tells one credential from another: `sha256:` and a certificate's thumbprint, or
    /// `hmac-sha256:` and a keyed hash. Not a secret, and not accepted as one.
    fingerprint: Option<String>,
    /// When it ends; nothing when nobody told.
    expires_at: Option<DateTime<Utc>>,
    /// When it was stored.
    created_at: Option<DateTime<Utc>>,
    /// Until when a previous one is kept.
    keep_until: Option<DateTime<Utc>>,
    /// What the last check with a next one found.
    trial: Option<TrialView>,
    /// What to do about it; nothing while it is in order.
    next_step: Option<NextStepView>,
}

/// What a check with a credential found.
#[derive(Serialize, ToSchema)]
#[schema(as = CredentialTrial)]
pub(crate) struct TrialView {
    /// Whether the client could sign in with it.
    succeeded: bool,
    /// Why not, if not.
    reason_code: Option<&'static str>,
    /// When.
    checked_at: DateTime<Utc>,
    /// The run.
    run_id: Uuid,
}

/// Something that operations need at the provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Requirement)]
pub(crate) struct RequirementView {
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
pub(crate) struct SummaryView {
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
    pub(crate) fn of(state: &ApiState, connection: &ProviderConnection, now: Timestamp) -> Self {
        let (rules, stale_after) = (&*state.rules, state.settings.stale_after);
        let identity = IdentityResolution::resolve(connection, rules, now);
        let summary = SurfaceSummary::of(connection, rules, now, stale_after);
        let axis = |axis: AxisView, stale, next_check_at| AxisView {
            stale,
            next_check_at,
            ..axis
        };
        let (consent, verification) = (&connection.consent, &connection.verification);
        let stored = |credential: &Option<CredentialSummary>| {
            credential
                .as_ref()
                .filter(|credential| !credential.is_no_longer_kept(now))
                .map(|credential| CredentialView::of(credential, now))
        };
        Self {
            id: connection.id.as_uuid(),
            environment_id: connection.environment_id.as_uuid(),
            display_name: connection.display_name.as_str().to_owned(),
            connection_type: connection.connection_type.as_str(),
            is_default: connection.is_default,
            is_enabled: connection.is_enabled,
            tags: connection.tags.as_map().clone(),
            target_scope: TargetScopeView::from(&connection.target_scope),
            provider_context: identity.provider_context.0,
            effective_client_identity: ClientIdentityView::from(identity.effective_client_identity),
            axes: AxesView {
                consent: axis(
                    AxisView::of(consent, consent.value.as_str()),
                    consent.is_stale(now, stale_after),
                    None,
                ),
                verification: axis(
                    AxisView::of(verification, verification.value.as_str()),
                    verification.is_stale(now, stale_after),
                    connection.verification_next_at,
                ),
            },
            credential: CredentialView::in_use(connection, rules, summary.credential_state, now),
            next_credential: stored(&connection.next_credential),
            previous_credential: stored(&connection.previous_credential),
            requirements: None,
            summary: SummaryView::from(&summary),
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

impl From<EffectiveClientIdentity> for ClientIdentityView {
    fn from(client: EffectiveClientIdentity) -> Self {
        Self {
            client_identifier: client.client_identifier,
            connection_type: client.connection_type.as_str(),
            credential_source: client.credential_source,
        }
    }
}

impl From<&SurfaceSummary> for SummaryView {
    fn from(summary: &SurfaceSummary) -> Self {
        Self {
            readiness: summary.readiness,
            reason_code: summary.reason_code.map(provider_core::ReasonCode::as_str),
            next_step: summary.next_step.map(NextStepView::from),
        }
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
            stale: false,
            next_check_at: None,
        }
    }
}

impl CredentialView {
    /// A stored credential as it stands at `now`.
    pub(crate) fn of(summary: &CredentialSummary, now: Timestamp) -> Self {
        Self {
            state: summary.state(now).as_str(),
            kind: Some(summary.kind.as_str()),
            version: Some(summary.version),
            fingerprint: summary.fingerprint.clone(),
            expires_at: summary.expires_at,
            created_at: Some(summary.created_at),
            keep_until: summary.keep_until,
            trial: summary.trial.map(TrialView::from),
            next_step: summary.next_step(now).map(NextStepView::from),
        }
    }

    /// The installation's own credential, as far as its configuration tells.
    pub(crate) fn of_platform(client: &PlatformClient, now: Timestamp) -> Self {
        Self {
            state: state_until(client.expires_at, now).as_str(),
            kind: Some(client.kind.as_str()),
            fingerprint: client.fingerprint.clone(),
            expires_at: client.expires_at,
            ..Self::none(CredentialState::Missing)
        }
    }

    /// What runs of `connection` sign in with: its own credential, or the platform's.
    fn in_use(
        connection: &ProviderConnection,
        rules: &dyn ScopeRules,
        state: CredentialState,
        now: Timestamp,
    ) -> Self {
        match connection.connection_type {
            ConnectionType::Dedicated => connection
                .credential
                .as_ref()
                .map_or_else(|| Self::none(state), |credential| Self::of(credential, now)),
            ConnectionType::Platform => rules
                .platform_client(&connection.realm)
                .map_or_else(|| Self::none(state), |client| Self::of_platform(&client, now)),
        }
    }

    const fn none(state: CredentialState) -> Self {
        Self {
            state: state.as_str(),
            kind: None,
            version: None,
            fingerprint: None,
            expires_at: None,
            created_at: None,
            keep_until: None,
            trial: None,
            next_step: None,
        }
    }
}

impl From<CredentialTrial> for TrialView {
    fn from(trial: CredentialTrial) -> Self {
        Self {
            succeeded: trial.reason.is_none(),
            reason_code: trial.reason.map(provider_core::ReasonCode::as_str),
            checked_at: trial.at,
            run_id: trial.run_id.as_uuid(),
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
