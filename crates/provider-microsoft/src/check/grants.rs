//! The grant report: what the directory says it granted to this client, against what the sign-in
//! shows. The two disagree for a while after every change, so a difference is worth a warning and
//! nothing more; whoever does not let us look loses this row alone.

use provider_core::{ProviderFailure, ReasonCode};
use serde::Deserialize;
use uuid::Uuid;

use super::report::Finding;
use crate::{
    contracts::{
        permission,
        table::{CLIENT_BY_APP_ID, CLIENT_GRANTS_LIST},
    },
    gateway::{Place, Session, json},
    pages::{Pages, Row},
};

/// This client in the tenant.
#[derive(Deserialize)]
struct Client {
    id: Uuid,
}

/// One grant. Which resource it is on is not asked: ids of roles are unique.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Grant {
    id: String,
    app_role_id: Uuid,
}

impl Row for Grant {
    fn id(&self) -> &str {
        &self.id
    }
}

/// Compares, if the sign-in allows it. Only an interruption ends the check.
pub(super) async fn look(session: &Session<'_>, roles: &[String]) -> Result<Finding, ProviderFailure> {
    if !permission::GRANTS.granted_by(roles) {
        return Ok(Finding::Skip(ReasonCode::ProviderPermissionMissing));
    }
    match granted(session).await {
        Ok(granted) => Ok(compare(&granted, roles)),
        Err(ProviderFailure::Provider { reason, .. }) => Ok(Finding::Skip(reason)),
        Err(failure @ ProviderFailure::Interrupted(_)) => Err(failure),
    }
}

/// The ids of the roles that the directory granted.
async fn granted(session: &Session<'_>) -> Result<Vec<Uuid>, ProviderFailure> {
    let identity = session.identity();
    let url = CLIENT_BY_APP_ID.url(identity.endpoints.graph(), identity.client);
    let client = session
        .fetch(CLIENT_BY_APP_ID.contract(), Place::Link(&url), json::<Client>)
        .await?;
    let client = client.ok_or(ProviderFailure::ended(ReasonCode::ProviderResponseInvalid))?;
    let mut pages = Pages::of(session, &CLIENT_GRANTS_LIST, client.id);
    let mut ids = Vec::new();
    while let Some(page) = pages.next::<Grant>().await? {
        if page.restarted {
            ids.clear();
        }
        ids.extend(page.rows.into_iter().map(|grant| grant.app_role_id));
    }
    Ok(ids)
}

/// Whether both say the same of each permission that we ask for. What else was granted is not our
/// business.
fn compare(granted: &[Uuid], roles: &[String]) -> Finding {
    let mut finding = Finding::Pass;
    for permission in permission::ALL {
        let directory = granted.contains(&permission.role_id());
        let sign_in = roles.iter().any(|role| role == permission.role());
        match (directory, sign_in) {
            // Taken back: the next sign-in will not show it.
            (false, true) => return Finding::Warn(ReasonCode::ProviderPermissionMissing),
            // Granted a moment ago.
            (true, false) => finding = Finding::Warn(ReasonCode::ProviderConsentPending),
            (true, true) | (false, false) => {}
        }
    }
    finding
}

#[cfg(test)]
mod tests;
