//! The login side: client credentials at the token endpoint, and tenant metadata.
//!
//! See the Microsoft identity platform page about the OAuth 2.0 client credentials flow.

mod assertion;
mod proof;
mod request;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde_json::json;

use crate::entra_error::EntraError;
use crate::exchange::Exchange;
use crate::fault::{FaultKind, json_answer};
use crate::server::Shared;
use crate::token::PUBLIC_GRAPH;
use request::{Admitted, TokenRequest};

pub(crate) use proof::Proof;

/// Names in place of a tenant that name none.
pub(crate) const SHARED_TENANTS: [&str; 3] = ["common", "organizations", "consumers"];

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
        Ok(admitted) => {
            let Admitted {
                tenant,
                mut app,
                proof,
                audience,
            } = admitted;
            if shared.control.replication().take_role_miss(tenant) {
                app.roles.clear();
            }
            let written = match exchange.fault {
                Some(FaultKind::WrongTenantToken { tid }) => tid,
                _ => tenant,
            };
            let (token, life) = shared
                .tokens
                .issue(&shared.control, written, &app, proof, &audience);
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

/// The resource of a scope: one resource, asked for with everything that was granted.
pub(crate) fn audience(scope: &str, base_url: &str) -> Result<String, EntraError> {
    match scope.strip_suffix("/.default") {
        Some(resource) if resource == base_url || resource == PUBLIC_GRAPH => Ok(resource.to_owned()),
        _ => Err(EntraError::invalid_scope(scope)),
    }
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
