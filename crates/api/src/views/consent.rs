//! Consent links as callers see them, and what a link says about itself.

use chrono::{DateTime, Utc};
use provider_core::{AskedPermission, IdentityResolution, NextStepKind};
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use super::{
    connection::ClientIdentityView,
    scope::{NextStepView, TargetScopeView},
};
use crate::routes::consent::Ask;

/// A link to be sent to an administrator of the target. Shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = ConsentLink)]
pub(crate) struct ConsentLinkView {
    /// The link. Who holds it can read what is asked, and go on to the provider's consent page.
    #[schema(format = "uri", example = "https://atlas.example.com/consent/…")]
    url: String,
    /// Until when it can be used; once is enough.
    expires_at: DateTime<Utc>,
    /// The provider's key.
    provider: String,
    /// What consent is asked for.
    target_scope: TargetScopeView,
    /// The client that is to be agreed to.
    effective_client_identity: ClientIdentityView,
    /// What the provider's page will ask for.
    asked_permissions: Vec<AskedPermissionView>,
    /// What must be registered at the provider as an address to come back to.
    #[schema(format = "uri", example = "https://atlas.example.com/consent/callback")]
    redirect_uri: String,
    /// What to do with it.
    next_step: NextStepView,
}

/// A permission that the provider's page will ask for.
#[derive(Serialize, ToSchema)]
#[schema(as = AskedPermission)]
pub(crate) struct AskedPermissionView {
    /// The key of the requirement that it meets.
    requirement: &'static str,
    /// The provider's name for it.
    name: &'static str,
    /// What it is needed for, in words for the target's administrator.
    purpose: &'static str,
}

/// What a link says about itself to a program. The page says the same to people.
#[derive(Serialize)]
pub(crate) struct AskView {
    workspace: String,
    target_scope: TargetScopeView,
    client_identifier: String,
    asked_permissions: Vec<AskedPermissionView>,
    expires_at: DateTime<Utc>,
    next_step: NextStepView,
}

impl ConsentLinkView {
    /// A link that was just made for `identity`.
    pub(crate) fn of(
        url: &Url,
        redirect: &Url,
        expires_at: DateTime<Utc>,
        identity: IdentityResolution,
        permissions: &[AskedPermission],
    ) -> Self {
        Self {
            url: url.to_string(),
            expires_at,
            provider: identity.target_scope.provider().as_str().to_owned(),
            target_scope: TargetScopeView::from(&identity.target_scope),
            effective_client_identity: ClientIdentityView::from(identity.effective_client_identity),
            asked_permissions: permissions.iter().map(AskedPermissionView::from).collect(),
            redirect_uri: redirect.to_string(),
            next_step: NextStepKind::SendConsentLink.step().into(),
        }
    }
}

impl From<&AskedPermission> for AskedPermissionView {
    fn from(permission: &AskedPermission) -> Self {
        let AskedPermission {
            requirement,
            name,
            purpose,
        } = *permission;
        Self {
            requirement,
            name,
            purpose,
        }
    }
}

impl From<&Ask<'_>> for AskView {
    fn from(ask: &Ask<'_>) -> Self {
        let Ask {
            workspace,
            target_scope,
            client_identifier,
            permissions,
            expires_at,
        } = *ask;
        Self {
            workspace: workspace.to_owned(),
            target_scope: TargetScopeView::from(target_scope),
            client_identifier: client_identifier.to_owned(),
            asked_permissions: permissions.iter().map(AskedPermissionView::from).collect(),
            expires_at,
            next_step: NextStepView::from(NextStepKind::GrantConsent.step()),
        }
    }
}
