//! `POST /api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/promote`

use actix_web::{HttpResponse, post};
use async_trait::async_trait;
use kernel::Timestamp;
use provider_core::{CredentialState, CredentialSummary, NextStepKind, ReasonCode, Written};
use storage::UnitOfWork;
use tenancy::AuditAction;

use super::credential_change::{CredentialChange, Held, apply};
use crate::{
    auth::{guard::Guard, permission::ManageCredentials},
    input::Conditions,
    problem::{Code, Problem},
    views::{connection::ConnectionView, scope::step_views},
};

/// Promote the next credential
///
/// Runs that begin from now on use it; the current one is kept for a while as the previous one and
/// can be put back. Only a credential with which a connection check succeeded can be promoted.
/// Needs `If-Match` with the connection's entity tag. Takes the capability `credentials.manage`.
#[utoipa::path(
    tag = "connections",
    params(("If-Match" = String, Header, description = "The entity tag of the connection as it was read")),
    responses(
        (status = 200, description = "The connection with the credential in use", body = ConnectionView, headers(
            ("ETag" = String, description = "Its new entity tag"),
        )),
        (status = 409, description = "credential_stage_missing; credential_not_verified, with `next_steps` and, where there is one, `reason_code`"),
        (status = 412, description = "precondition_failed"),
        (status = 422, description = "credential_not_allowed"),
        (status = 428, description = "precondition_required"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/credential/promote")]
pub(crate) async fn promote_connection_credential(
    guard: Guard<ManageCredentials>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    apply(&guard, conditions, Promote).await
}

struct Promote;

#[async_trait]
impl CredentialChange for Promote {
    async fn write(self, work: &mut dyn UnitOfWork, held: &Held<'_>) -> Result<Written, Problem> {
        let connection = &held.connection;
        let next = connection.next_credential.as_ref();
        let next = next.ok_or_else(|| Problem::new(Code::CredentialStageMissing))?;
        let now = held.state.clock.now();
        may_be_used(next, now)?;
        let change = held.change(
            AuditAction::CredentialPromoted,
            &[("credential_version", next.version.to_string())],
        );
        let keep_until = now + held.state.settings.keep_previous;
        Ok(work
            .connections()
            .promote_credential(held.scope, connection, keep_until, &change)
            .await?)
    }
}

/// Whether somebody signed in with it, and it did not end since.
fn may_be_used(next: &CredentialSummary, now: Timestamp) -> Result<(), Problem> {
    let reason = match next.state(now) {
        CredentialState::Expired => Some(ReasonCode::ProviderCredentialExpired),
        CredentialState::Undecryptable => Some(ReasonCode::ProviderCredentialUndecryptable),
        CredentialState::Missing | CredentialState::Valid | CredentialState::Expiring => match next.trial {
            None => None,
            Some(trial) => match trial.reason {
                None => return Ok(()),
                failed => failed,
            },
        },
    };
    // Nobody tried it yet: a check is what is missing, and nothing is wrong.
    let step = reason.map_or_else(|| NextStepKind::TryCredential.step(), ReasonCode::next_step);
    Err(Problem::new(Code::CredentialNotVerified).with(|members| {
        members.reason_code = reason.map(ReasonCode::as_str);
        members.next_steps = Some(step_views([step]));
    }))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use kernel::Id;
    use provider_core::{CredentialKind, CredentialStage, CredentialTrial};
    use uuid::Uuid;

    use super::*;

    fn untried(expires_at: Option<Timestamp>) -> CredentialSummary {
        CredentialSummary {
            id: Id::from_uuid(Uuid::nil()),
            version: 2,
            stage: CredentialStage::Next,
            kind: CredentialKind::ClientSecret,
            fingerprint: None,
            created_at: Timestamp::default(),
            expires_at,
            undecryptable: false,
            keep_until: None,
            trial: None,
        }
    }

    fn tried(reason: Option<ReasonCode>, expires_at: Option<Timestamp>) -> CredentialSummary {
        let trial = CredentialTrial {
            at: Timestamp::default(),
            run_id: Id::from_uuid(Uuid::nil()),
            reason,
        };
        CredentialSummary {
            trial: Some(trial),
            ..untried(expires_at)
        }
    }

    #[test]
    fn only_what_was_tried_and_lasts_is_promoted() {
        let now = Timestamp::default() + TimeDelta::days(1);
        let broken = CredentialSummary {
            undecryptable: true,
            ..tried(None, None)
        };
        assert!(may_be_used(&tried(None, None), now).is_ok());
        assert!(may_be_used(&tried(None, Some(now + TimeDelta::days(1))), now).is_ok());
        for refused in [
            untried(None),
            tried(Some(ReasonCode::ProviderCredentialInvalid), None),
            tried(None, Some(now)),
            broken,
        ] {
            let problem = may_be_used(&refused, now).expect_err("refused");
            assert_eq!(problem.code(), Code::CredentialNotVerified);
        }
    }
}
