//! A token request and the checks in front of a token.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::form_urlencoded;
use uuid::Uuid;

use serde_json::Value;

use super::SHARED_TENANTS;
use super::proof::{Proof, Prover};
use crate::entra_error::EntraError;
use crate::options::{AppOptions, AppState};
use crate::server::Shared;
use crate::token::{TokenOrder, is_graph};

/// The one type of client assertion (RFC 7523, section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The parameters of a token request. Not `Debug`: it holds the secret.
pub(super) struct TokenRequest {
    form: HashMap<String, String>,
    /// Client id and secret from HTTP Basic (RFC 6749, section 2.3.1).
    basic: Option<(String, String)>,
}

impl TokenRequest {
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let is_form = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        let form = if is_form {
            form_urlencoded::parse(body).into_owned().collect()
        } else {
            HashMap::default()
        };
        Self {
            form,
            basic: basic_credentials(headers),
        }
    }

    fn required(&self, name: &str) -> Result<&str, EntraError> {
        let value = self
            .form
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty());
        value.ok_or_else(|| EntraError::missing_parameter(name))
    }

    fn client_id(&self) -> Result<&str, EntraError> {
        match &self.basic {
            Some((client, _)) => Ok(client),
            None => self.required("client_id"),
        }
    }

    fn secret(&self) -> Option<&str> {
        let posted = self.form.get("client_secret").map(String::as_str);
        posted
            .or(self.basic.as_ref().map(|(_, secret)| secret.as_str()))
            .filter(|secret| !secret.is_empty())
    }

    /// Whether the client says that it can handle claims challenges (capability `cp1`, identity platform page "claims
    /// challenges, claims requests and client capabilities"); such clients get tokens with a long life.
    fn handles_challenges(&self) -> bool {
        let claims = self.form.get("claims").map(String::as_str).unwrap_or_default();
        let claims: Value = serde_json::from_str(claims).unwrap_or_default();
        let capabilities = claims["access_token"]["xms_cc"]["values"].as_array();
        capabilities.is_some_and(|all| all.iter().any(|one| one == "cp1"))
    }

    /// The checks, in the order of the real service: tenant, request, application, credential.
    pub(super) fn decide(&self, shared: &Shared, name: &str) -> Result<TokenOrder, EntraError> {
        if SHARED_TENANTS.contains(&name) {
            return Err(EntraError::shared_tenant(name));
        }
        let tenant = shared
            .control
            .directory()
            .find(name)
            .ok_or_else(|| EntraError::unknown_tenant(name))?;
        let grant = self.required("grant_type")?;
        if grant != "client_credentials" {
            return Err(EntraError::unsupported_grant(grant));
        }
        let client = self.client_id()?;
        let audience = resource(self.required("scope")?, &shared.base_url, &tenant.display_name)?;
        let app = tenant
            .apps
            .into_iter()
            .find(|app| {
                app.client_id.to_string().eq_ignore_ascii_case(client) && app.state != AppState::Absent
            })
            .and_then(|app| {
                let replication = shared.control.replication();
                replication.seen(tenant.tenant_id, app, shared.control.now())
            })
            .ok_or_else(|| EntraError::app_absent(client, &tenant.display_name))?;
        if app.state == AppState::Disabled {
            return Err(EntraError::app_disabled(app.client_id));
        }
        let proof = self.prove(shared, name, tenant.tenant_id, &app)?;
        Ok(TokenOrder {
            tenant: tenant.tenant_id,
            app,
            proof,
            audience,
            continuous: self.handles_challenges(),
        })
    }

    fn prove(
        &self,
        shared: &Shared,
        name: &str,
        tenant: Uuid,
        app: &AppOptions,
    ) -> Result<Proof, EntraError> {
        let credentials = shared.control.credentials(app);
        let prover = Prover {
            client: app.client_id,
            credentials: &credentials,
            now: shared.control.now(),
            control: &shared.control,
            audiences: assertion_audiences(&shared.base_url, name, tenant),
        };
        if let Some(secret) = self.secret() {
            return prover.secret(secret);
        }
        let Some(assertion) = self.form.get("client_assertion") else {
            return Err(EntraError::no_credential());
        };
        if self.required("client_assertion_type")? != JWT_BEARER {
            return Err(EntraError::no_credential());
        }
        prover.assertion(assertion)
    }
}

/// The one resource of a scope, which the client asks for with everything that was granted.
fn resource(scope: &str, base_url: &str, tenant: &str) -> Result<String, EntraError> {
    let mut found: Option<&str> = None;
    for part in scope.split_ascii_whitespace() {
        let resource = part
            .strip_suffix("/.default")
            .ok_or_else(|| EntraError::scope_without_default(part))?;
        if found.is_some_and(|earlier| earlier != resource) {
            return Err(EntraError::several_resources());
        }
        found = Some(resource);
    }
    match found {
        Some(resource) if is_graph(resource, base_url) => Ok(resource.to_owned()),
        Some(resource) => Err(EntraError::unknown_resource(resource, tenant)),
        None => Err(EntraError::missing_parameter("scope")),
    }
}

fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Basic ")?;
    let text = String::from_utf8(BASE64.decode(value).ok()?).ok()?;
    let (client, secret) = text.split_once(':')?;
    let decode = |part: &str| {
        let form = format!("v={part}");
        form_urlencoded::parse(form.as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
    };
    Some((decode(client)?, decode(secret)?))
}

/// The token endpoint, as it was called or with the id of the tenant, and the issuer, which works too (public
/// reports).
fn assertion_audiences(base_url: &str, name: &str, tenant: Uuid) -> [String; 3] {
    [
        format!("{base_url}/{name}/oauth2/v2.0/token"),
        format!("{base_url}/{tenant}/oauth2/v2.0/token"),
        format!("{base_url}/{tenant}/v2.0"),
    ]
}
