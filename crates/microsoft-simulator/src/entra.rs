//! The login side: client credentials at the token endpoint, and the metadata in front of it.
//!
//! See the Microsoft identity platform page about the OAuth 2.0 client credentials flow.

mod assertion;
pub(crate) mod metadata;
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
use crate::token::{Issued, is_graph};
use request::TokenRequest;

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
        Ok(mut order) => {
            if shared.control.replication().take_role_miss(order.tenant) {
                order.app.roles.clear();
            }
            if let Some(FaultKind::WrongTenantToken { tid }) = exchange.fault {
                order.tenant = tid;
            }
            issued(&shared.tokens.issue(&shared.control, &order))
        }
        Err(error) => error.answer(&exchange.ids, &shared.base_url),
    }
}

/// The answer with a token (RFC 6749, section 5.1). Tokens with a long life tell when to ask for the next one.
fn issued(token: &Issued) -> Response {
    let life = token.life.as_secs();
    let mut body = json!({
        "token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token.text,
    });
    if token.is_long_lived() {
        body["refresh_in"] = json!(life / 2);
    }
    let mut response = json_answer(200, &body);
    let no_store = HeaderValue::from_static("no-store, no-cache");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

/// The resource of a scope on the consent page: one resource, asked for with everything that was granted.
pub(crate) fn audience(scope: &str, base_url: &str) -> Result<String, EntraError> {
    match scope.strip_suffix("/.default") {
        Some(resource) if is_graph(resource, base_url) => Ok(resource.to_owned()),
        _ => Err(EntraError::invalid_scope(scope)),
    }
}
