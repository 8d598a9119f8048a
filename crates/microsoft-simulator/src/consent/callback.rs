//! Where the consent page sends the browser, with which parameters in which order.
//!
//! Approval as on the identity platform pages; refusals as azure-docs #114009 shows them: they carry
//! `admin_consent=True` too, and no tenant.

use url::form_urlencoded::Serializer;

use super::{Ask, Decision};
use crate::entra_error::EntraError;
use crate::exchange::Ids;

/// The address for one decision.
pub(super) fn location(ask: &Ask, decision: Decision, ids: &Ids, base_url: &str) -> String {
    let tenant = ask.tenant.tenant_id.to_string();
    let mut query = Serializer::new(String::new());
    let error = match decision {
        Decision::Approve => None,
        Decision::Decline | Decision::Cancel => Some(EntraError::declined("access_denied")),
        Decision::DeclineAsDocumented if ask.scope.is_some() => {
            Some(EntraError::declined("consent_required"))
        }
        Decision::DeclineAsDocumented => Some(EntraError::declined("permission_denied")),
        Decision::WrongDirectory => Some(EntraError::wrong_directory(&tenant)),
    };
    if let Some(error) = error {
        query
            .append_pair("error", error.error())
            .append_pair("error_description", &error.description(ids, "\r\n"))
            .append_pair("error_uri", &error.uri(base_url));
        if matches!(decision, Decision::Cancel) {
            query
                .append_pair("error_subcode", "cancel")
                .append_pair("admin_consent", "False");
        } else {
            query.append_pair("admin_consent", "True");
        }
    } else {
        query
            .append_pair("admin_consent", "True")
            .append_pair("tenant", &tenant);
        if let Some(scope) = &ask.scope {
            query.append_pair("scope", scope);
        }
    }
    if let Some(state) = &ask.state {
        query.append_pair("state", state);
    }
    let separator = if ask.redirect_uri.contains('?') { '&' } else { '?' };
    format!("{}{separator}{}", ask.redirect_uri, query.finish())
}
