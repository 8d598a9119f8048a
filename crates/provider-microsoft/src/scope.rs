//! The rules about names: which text names a tenant, which cloud is meant, what cannot be a
//! secret. Pure: knows no network, no clock and no store, and keeps no secret.

use kernel::SecretText;
use provider_core::{
    ConsentUrls, CredentialKind, Destination, ProviderContext, ProviderKey, ScopeIdentifier, ScopeKind,
    ScopeProblem, ScopeRules,
};
use serde_json::{Map, Value};
use url::Url;
use uuid::{Uuid, uuid};

use crate::cloud::{Cloud, EndpointOverride, Endpoints};
use crate::contracts::permission;

/// The tenant in which personal accounts live, in other words `consumers` spelled as a GUID
/// (identity platform page "Access token claims reference", `tid`).
const PERSONAL_ACCOUNTS: Uuid = uuid!("9188040d-6c67-4c5b-b112-36a304b66dad");

/// Longer than any secret that Entra makes (they have about 40 characters).
const LONGEST_SECRET: usize = 512;

/// The rules of this provider.
#[derive(Debug, Clone, Default)]
pub struct MicrosoftScopeRules {
    endpoint_override: Option<EndpointOverride>,
}

impl MicrosoftScopeRules {
    /// The provider's key.
    pub const KEY: &'static str = "microsoft";

    /// The rules; with an override, addresses lead to it.
    pub const fn new(endpoint_override: Option<EndpointOverride>) -> Self {
        Self { endpoint_override }
    }

    fn endpoints(&self, destination: &Destination) -> Result<Endpoints, ScopeProblem> {
        let cloud = Cloud::parse(&destination.realm).ok_or(ScopeProblem::InvalidProviderContext)?;
        Ok(Endpoints::of(cloud, self.endpoint_override.as_ref()))
    }
}

/// The GUID in its hyphenated form and in either case; `None` for every other spelling and for
/// GUIDs that name nothing.
pub(crate) fn guid(text: &str) -> Option<Uuid> {
    let guid = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()?;
    (!guid.is_nil() && !guid.is_max()).then_some(guid)
}

fn canonical(guid: Uuid) -> String {
    guid.hyphenated().to_string()
}

impl ScopeRules for MicrosoftScopeRules {
    fn provider(&self) -> ProviderKey {
        ProviderKey::new(Self::KEY).expect("a valid key")
    }

    fn canonical_identifier(&self, kind: ScopeKind, text: &str) -> Result<ScopeIdentifier, ScopeProblem> {
        match kind {
            ScopeKind::Tenant => {}
        }
        let tenant = guid(text).filter(|tenant| *tenant != PERSONAL_ACCOUNTS);
        let tenant = tenant.ok_or(ScopeProblem::InvalidIdentifier)?;
        Ok(ScopeIdentifier::canonical(canonical(tenant)))
    }

    fn realm(&self, context: &ProviderContext) -> Result<String, ScopeProblem> {
        let mut cloud = Cloud::Global;
        for (key, value) in &context.0 {
            cloud = match (key.as_str(), value.as_str()) {
                ("cloud", Some(text)) => Cloud::parse(text).ok_or(ScopeProblem::InvalidProviderContext)?,
                _ => return Err(ScopeProblem::InvalidProviderContext),
            };
        }
        Ok(cloud.as_str().to_owned())
    }

    fn canonical_client(&self, text: &str) -> Result<String, ScopeProblem> {
        guid(text).map(canonical).ok_or(ScopeProblem::InvalidIdentifier)
    }

    fn check_secret(&self, kind: CredentialKind, secret: &SecretText) -> Result<(), &'static str> {
        match kind {
            CredentialKind::ClientSecret => check_client_secret(secret.expose()),
        }
    }

    fn context(&self, destination: &Destination) -> ProviderContext {
        let mut map = Map::new();
        let mut put = |key: &str, value: &str| map.insert(key.to_owned(), Value::from(value));
        put("cloud", &destination.realm);
        put("tenant_id", destination.scope_identifier.as_str());
        if let Ok(endpoints) = self.endpoints(destination) {
            put("authority_host", authority(endpoints.login()));
            put("graph_host", authority(endpoints.graph()));
        }
        if let Some(client) = &destination.client_identifier {
            put("client_id", client);
        }
        ProviderContext(map)
    }

    fn requirements(&self, operation_type: &str) -> &'static [&'static str] {
        permission::requirements(operation_type)
    }
}

/// Host, and port if there is one.
fn authority(url: &Url) -> &str {
    &url[url::Position::BeforeHost..url::Position::AfterPort]
}

fn check_client_secret(secret: &str) -> Result<(), &'static str> {
    if secret.is_empty() {
        Err("empty")
    } else if secret.chars().any(char::is_control) {
        Err("control_character")
    } else if secret.trim().len() != secret.len() {
        Err("surrounding_white_space")
    } else if Uuid::try_parse(secret).is_ok() {
        // The portal lists a secret's id beside its value, and the id is what stays visible
        // (AADSTS7000215 says so in its own words).
        Err("secret_id_instead_of_value")
    } else if secret
        .chars()
        .all(|character| matches!(character, '*' | '•' | '●'))
    {
        Err("placeholder")
    } else if secret.len() > LONGEST_SECRET {
        Err("too_long")
    } else {
        Ok(())
    }
}

impl ConsentUrls for MicrosoftScopeRules {
    /// Identity platform page "Admin consent on the Microsoft identity platform", the v2.0 form.
    /// Always with the tenant's GUID: `organizations` would let the wrong tenant agree.
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

#[cfg(test)]
mod tests;
