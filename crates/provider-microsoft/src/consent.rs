//! The consent page: its address, what it asks for, and what its answer says (identity platform
//! page "Admin consent on the Microsoft identity platform"; the forms that come back in the wild:
//! azure-docs issue 114009). Pure.
//!
//! An answer is a hint. Its free text is read for one number and dropped.

use std::collections::HashSet;

use aws_lc_rs::digest;
use kernel::hex;
use provider_core::{
    AskedPermission, CallbackUnreadable, ConsentAnswer, ConsentCallback, ConsentUrls, Destination,
    ReasonCode, ScopeKind, ScopeProblem, ScopeRules as _,
};
use url::Url;

use crate::{contracts::permission, scope::MicrosoftScopeRules};

/// The longest state that we ever sent.
const LONGEST_STATE: usize = 128;
/// What the daemon pages of the documentation print before a state that already is one.
const DOUBLED: &str = "state=";

impl ConsentUrls for MicrosoftScopeRules {
    fn asked_permissions(&self) -> Vec<AskedPermission> {
        let asked = |one: &&permission::Permission| AskedPermission {
            requirement: one.requirement(),
            name: one.role(),
            purpose: one.purpose(),
        };
        permission::ALL.iter().map(asked).collect()
    }

    /// A digest over the ids of the roles: names may be respelled, ids stay.
    fn permission_set(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        for permission in permission::ALL {
            context.update(permission.role_id().as_bytes());
        }
        hex(&context.finish().as_ref()[..8])
    }

    fn read_callback(&self, query: &[(String, String)]) -> Result<ConsentCallback, CallbackUnreadable> {
        let mut names = HashSet::new();
        if !query.iter().all(|(name, _)| names.insert(name.as_str())) {
            return Err(CallbackUnreadable);
        }
        let value = |name: &str| {
            let found = query.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        let state = value("state").ok_or(CallbackUnreadable)?;
        let state = state.strip_prefix(DOUBLED).unwrap_or(state);
        let plain = state.bytes().all(|byte| byte.is_ascii_graphic());
        if state.is_empty() || state.len() > LONGEST_STATE || !plain {
            return Err(CallbackUnreadable);
        }
        let refused = value("error").is_some() || value("error_subcode").is_some();
        let answer = match value("admin_consent") {
            // First of all: a refusal comes with `admin_consent=True` as well.
            _ if refused => {
                let error = value("error").unwrap_or_default();
                let canceled = value("error_subcode") == Some("cancel");
                let description = value("error_description").unwrap_or_default();
                ConsentAnswer::Refused(refusal(error, canceled, description))
            }
            Some(text) if text.eq_ignore_ascii_case("true") => ConsentAnswer::Agreed(
                value("tenant").and_then(|tenant| self.canonical_identifier(ScopeKind::Tenant, tenant).ok()),
            ),
            Some(text) if text.eq_ignore_ascii_case("false") => {
                ConsentAnswer::Refused(ReasonCode::ProviderConsentDeclined)
            }
            Some(_) | None => return Err(CallbackUnreadable),
        };
        Ok(ConsentCallback {
            state: state.to_owned(),
            answer,
        })
    }

    /// The v2.0 form, always with the tenant's GUID: `organizations` would let the wrong tenant
    /// agree.
    fn consent_url(
        &self,
        destination: &Destination,
        redirect: &Url,
        state: &str,
    ) -> Result<Url, ScopeProblem> {
        let endpoints = self.endpoints(destination)?;
        let kind = destination.scope_kind;
        let tenant = self.canonical_identifier(kind, destination.scope_identifier.as_str())?;
        let client = destination
            .client_identifier
            .as_deref()
            .ok_or(ScopeProblem::MissingProviderContext)?;
        let client = self.canonical_client(client)?;
        let mut url = endpoints.login().clone();
        url.set_path(&format!("/{}/v2.0/adminconsent", tenant.as_str()));
        url.query_pairs_mut()
            .append_pair("client_id", &client)
            .append_pair("scope", endpoints.scope())
            .append_pair("redirect_uri", redirect.as_str())
            .append_pair("state", state);
        Ok(url)
    }
}

/// What a refusal means: its number, then its name.
fn refusal(error: &str, canceled: bool, description: &str) -> ReasonCode {
    match aadsts(description) {
        // Somebody of another directory signed in.
        Some(50_020) => ReasonCode::ProviderTargetScopeMismatch,
        // 65004 declined; 65001, 90094, 650056: whoever it was could not or did not agree.
        Some(65_004 | 65_001 | 90_094 | 650_056) => ReasonCode::ProviderConsentDeclined,
        _ if canceled => ReasonCode::ProviderConsentDeclined,
        _ => match error {
            "access_denied" | "consent_required" | "permission_denied" => ReasonCode::ProviderConsentDeclined,
            _ => ReasonCode::ProviderAuthFailed,
        },
    }
}

/// The first number in a description.
fn aadsts(description: &str) -> Option<u64> {
    let (_, after) = description.split_once("AADSTS")?;
    let end = after
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(after.len());
    after[..end].parse().ok()
}

#[cfg(test)]
mod tests;
