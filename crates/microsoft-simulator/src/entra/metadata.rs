//! What clients ask before they sign in: tenant metadata, instance discovery, signing keys.
//!
//! Everything in it points back to the simulator's own host, so that no client is led out to the real service.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Host, Url};

use super::SHARED_TENANTS;
use crate::entra_error::EntraError;
use crate::exchange::Exchange;
use crate::fault::json_answer;
use crate::server::Shared;

/// `GET /{tenant}/v2.0/.well-known/openid-configuration` (OpenID Connect Discovery, with Microsoft's members).
pub(crate) async fn openid_configuration(
    State(shared): State<Shared>,
    Extension(exchange): Extension<Exchange>,
    Path(name): Path<String>,
) -> Response {
    let (tenant, issuer_tenant) = if SHARED_TENANTS.contains(&name.as_str()) {
        (name, "{tenantid}".to_owned())
    } else {
        let Some(found) = shared.control.directory().find(&name) else {
            return EntraError::unknown_tenant(&name).answer(&exchange.ids, &shared.base_url);
        };
        (found.tenant_id.to_string(), found.tenant_id.to_string())
    };
    let body = configuration(&shared.base_url, &tenant, &issuer_tenant);
    cached(json_answer(200, &body))
}

fn configuration(base: &str, tenant: &str, issuer_tenant: &str) -> Value {
    let host = base.split_once("://").map_or(base, |(_, host)| host);
    let login = format!("{base}/{tenant}/oauth2/v2.0");
    json!({
        "token_endpoint": format!("{login}/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/{tenant}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("{base}/{issuer_tenant}/v2.0"),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": format!("{base}/oidc/userinfo"),
        "authorization_endpoint": format!("{login}/authorize"),
        "device_authorization_endpoint": format!("{login}/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{login}/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host",
            "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash",
            "c_hash", "email",
        ],
        "kerberos_endpoint": format!("{base}/{tenant}/kerberos"),
        "tenant_region_scope": "EU",
        "cloud_instance_name": host,
        "cloud_graph_host_name": host,
        "msgraph_host": host,
        "rbac_url": base,
    })
}

/// `GET /{tenant}/discovery/v2.0/keys`: no key (RFC 7517). Access tokens are opaque to clients, and the simulator
/// signs with a key that only it can check.
pub(crate) async fn keys() -> Response {
    cached(json_answer(200, &json!({ "keys": [] })))
}

/// What a client asks about an authority.
#[derive(Deserialize)]
pub(crate) struct Instance {
    authorization_endpoint: Option<String>,
}

/// `GET /common/discovery/instance`: whether an authority belongs to the service, and under which names. MSAL asks it
/// before it trusts a host. It leaves the port out of the address that it asks about, so the port does not count.
pub(crate) async fn instance(
    State(shared): State<Shared>,
    Extension(exchange): Extension<Exchange>,
    Query(asked): Query<Instance>,
) -> Response {
    let answer = |error: EntraError| error.answer(&exchange.ids, &shared.base_url);
    let Some(endpoint) = asked.authorization_endpoint else {
        return answer(EntraError::missing_parameter("authorization_endpoint"));
    };
    let Some(tenant) = tenant_on_loopback(&endpoint) else {
        return answer(EntraError::unknown_instance());
    };
    let base = &shared.base_url;
    let host = base.split_once("://").map_or(&**base, |(_, host)| host);
    let body = json!({
        "tenant_discovery_endpoint": format!("{base}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    });
    cached(json_answer(200, &body))
}

/// The tenant of an address on this machine.
fn tenant_on_loopback(endpoint: &str) -> Option<String> {
    let url = Url::parse(endpoint).ok()?;
    let here = match url.host()? {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name == "localhost",
    };
    let tenant = url.path_segments()?.next().filter(|name| !name.is_empty())?;
    here.then(|| tenant.to_owned())
}

/// Clients may keep metadata for a day.
fn cached(mut response: Response) -> Response {
    let value = HeaderValue::from_static("max-age=86400, private");
    response.headers_mut().insert(header::CACHE_CONTROL, value);
    response
}
