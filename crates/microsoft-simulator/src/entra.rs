//! The login side: client credentials at the token endpoint, and tenant metadata.
//!
//! Only client secrets are understood; no certificate is ever registered. See the Microsoft identity platform
//! page about the OAuth 2.0 client credentials flow.

use std::collections::HashMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use url::form_urlencoded;

use crate::entra_error::EntraError;
use crate::exchange::Exchange;
use crate::fault::{FaultKind, json_answer};
use crate::options::{AppOptions, AppState, TenantOptions};
use crate::server::Shared;
use crate::token::PUBLIC_GRAPH;

const SHARED_TENANTS: [&str; 3] = ["common", "organizations", "consumers"];

/// `POST /{tenant}/oauth2/v2.0/token`
pub(crate) async fn token(
    State(shared): State<Shared>,
    Extension(exchange): Extension<Exchange>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = TokenRequest::read(&headers, &body);
    match request.decide(&shared, &tenant) {
        Ok((tenant, app, audience)) => {
            let written = match exchange.fault {
                Some(FaultKind::WrongTenantToken { tid }) => tid,
                _ => tenant.tenant_id,
            };
            let (token, life) = shared.tokens.issue(&shared.control, written, &app, &audience);
            let body = json!({
                "token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token,
            });
            let mut response = json_answer(200, &body);
            let no_store = HeaderValue::from_static("no-store, no-cache");
            response.headers_mut().insert(header::CACHE_CONTROL, no_store);
            response
        }
        Err(error) => error.answer(&exchange.ids, &shared.base_url),
    }
}

/// The parameters of a token request. Not `Debug`: it holds the secret.
struct TokenRequest {
    form: HashMap<String, String>,
    /// Client id and secret from HTTP Basic (RFC 6749, section 2.3.1).
    basic: Option<(String, String)>,
}

impl TokenRequest {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
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

    /// The checks, in the order of the real service: tenant, request, application, credential.
    fn decide(&self, shared: &Shared, name: &str) -> Result<(TenantOptions, AppOptions, String), EntraError> {
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
        let audience = audience(self.required("scope")?, &shared.base_url)?;
        let app = tenant
            .apps
            .iter()
            .find(|app| {
                app.client_id.to_string().eq_ignore_ascii_case(client) && app.state != AppState::Absent
            })
            .cloned()
            .ok_or_else(|| EntraError::app_absent(client, &tenant.display_name))?;
        if app.state == AppState::Disabled {
            return Err(EntraError::app_disabled(app.client_id));
        }
        match self.secret() {
            Some(secret) if secret == app.client_secret => Ok((tenant, app, audience)),
            Some(_) => Err(EntraError::bad_secret(app.client_id)),
            None if self.form.contains_key("client_assertion") => {
                Err(EntraError::unknown_certificate(app.client_id))
            }
            None => Err(EntraError::no_credential()),
        }
    }
}

/// The resource of a scope: one resource, asked for with everything that was granted.
fn audience(scope: &str, base_url: &str) -> Result<String, EntraError> {
    match scope.strip_suffix("/.default") {
        Some(resource) if resource == base_url || resource == PUBLIC_GRAPH => Ok(resource.to_owned()),
        _ => Err(EntraError::invalid_scope(scope)),
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

/// `GET /{tenant}/v2.0/.well-known/openid-configuration` (OpenID Connect Discovery, with Microsoft's members).
pub(crate) async fn openid_configuration(
    State(shared): State<Shared>,
    Extension(exchange): Extension<Exchange>,
    Path(name): Path<String>,
) -> Response {
    let (tenant, issuer_tenant) = if SHARED_TENANTS.contains(&name.as_str()) {
        (name.clone(), "{tenantid}".to_owned())
    } else {
        let Some(found) = shared.control.directory().find(&name) else {
            return EntraError::unknown_tenant(&name).answer(&exchange.ids, &shared.base_url);
        };
        (found.tenant_id.to_string(), found.tenant_id.to_string())
    };
    let base = &shared.base_url;
    let host = base.trim_start_matches("http://");
    let body = json!({
        "token_endpoint": format!("{base}/{tenant}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("{base}/{issuer_tenant}/v2.0"),
        "authorization_endpoint": format!("{base}/{tenant}/oauth2/v2.0/authorize"),
        "tenant_region_scope": "EU",
        "cloud_instance_name": host,
        "cloud_graph_host_name": host,
        "msgraph_host": host,
    });
    let mut response = json_answer(200, &body);
    let cache = HeaderValue::from_static("max-age=86400, private");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    response
}
