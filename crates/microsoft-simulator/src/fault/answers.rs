//! The answers that stand in place of the true one.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::{FaultKind, stream, with_retry_after};
use crate::exchange::Ids;
use crate::graph::error_body;

const JSON: &str = "application/json; charset=utf-8";

pub(super) fn instead(kind: &FaultKind, ids: &Ids, login: bool) -> Response {
    match kind {
        FaultKind::Throttled { retry_after } => throttled(retry_after.as_deref(), ids, login),
        FaultKind::PlainThrottled { retry_after } => throttled(retry_after.as_deref(), ids, true),
        FaultKind::IntuneThrottled { retry_after, nested } => {
            let message = intune_document("Too many requests", nested.as_deref());
            let answer = json_answer(429, &error_body("TooManyRequests", &message, ids));
            with_retry_after(answer, retry_after.as_deref(), ids.at)
        }
        FaultKind::Storm { seconds } => throttled(Some(&seconds.to_string()), ids, login),
        FaultKind::Status { status, body } => raw(*status, body),
        FaultKind::GraphError {
            status,
            code,
            message,
        } => json_answer(*status, &error_body(code, message, ids)),
        FaultKind::InsufficientClaims => insufficient_claims(ids),
        FaultKind::IntuneUnauthorized => {
            let inner = intune_document(
                "Application is not authorized to perform this operation. Application must have one of the \
                 following scopes: DeviceManagementConfiguration.Read.All",
                None,
            );
            let outer = json!({ "ErrorCode": "Forbidden", "Message": inner }).to_string();
            json_answer(401, &error_body("UnknownError", &outer, ids))
        }
        FaultKind::ServiceUnavailable { retry_after } => {
            let body = error_body("serviceNotAvailable", "The service cannot answer now.", ids);
            with_retry_after(json_answer(503, &body), retry_after.as_deref(), ids.at)
        }
        FaultKind::ServiceUnavailableHtml { retry_after } => {
            let page = html(
                503,
                "<html><body><h1>Our services aren't available right now</h1></body></html>",
            );
            with_retry_after(page, retry_after.as_deref(), ids.at)
        }
        FaultKind::GatewayTimeout => json_answer(504, &error_body("UnknownError", "", ids)),
        FaultKind::Html => html(200, "<html><body>Sign in</body></html>"),
        FaultKind::EmptyBody => with_type(200, JSON, Body::empty()),
        FaultKind::Endless => with_type(200, JSON, stream::endless()),
        FaultKind::Oversized { bytes } => with_type(200, JSON, stream::padded(*bytes)),
        FaultKind::DeepJson { depth } => {
            let depth = usize::try_from(*depth).unwrap_or_default();
            let text = format!("{{\"value\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
            with_type(200, JSON, text.into())
        }
        FaultKind::Redirect { location } => {
            let response = with_type(302, "text/plain", Body::empty());
            with_header(response, header::LOCATION, location)
        }
        // The others need the true answer; whoever asks for this one has none.
        _ => json_answer(500, &error_body("UnknownError", "", ids)),
    }
}

/// 429: plain text on the login side, a Graph error elsewhere.
pub(crate) fn throttled(retry_after: Option<&str>, ids: &Ids, plain: bool) -> Response {
    let response = if plain {
        with_type(429, "text/plain", "Too Many Requests".into())
    } else {
        let mut body = error_body(
            "TooManyRequests",
            "The request rate is too high, try again later.",
            ids,
        );
        body["error"]["innerError"]["code"] = json!("429");
        body["error"]["innerError"]["status"] = json!("429");
        json_answer(429, &body)
    };
    with_retry_after(response, retry_after, ids.at)
}

/// Continuous access evaluation: the claims are what a new token has to be asked for with.
fn insufficient_claims(ids: &Ids) -> Response {
    let claims =
        json!({ "access_token": { "nbf": { "essential": true, "value": ids.at.timestamp().to_string() } } });
    let challenge = format!(
        "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{}\"",
        BASE64.encode(claims.to_string())
    );
    let message = "Continuous access evaluation resulted in challenge with result: InteractionRequired";
    let response = json_answer(401, &error_body("InvalidAuthenticationToken", message, ids));
    with_header(response, header::WWW_AUTHENTICATE, &challenge)
}

/// The document that Intune puts into a message.
fn intune_document(message: &str, retry_after: Option<&str>) -> String {
    let document = json!({
        "_version": 3, "Message": message, "CustomApiErrorPhrase": "", "RetryAfter": retry_after,
        "ErrorSourceService": "", "HttpHeaders": "{}",
    });
    document.to_string()
}

fn html(status: u16, page: &'static str) -> Response {
    with_type(status, "text/html; charset=utf-8", page.into())
}

fn raw(status: u16, body: &str) -> Response {
    let is_json = serde_json::from_str::<Value>(body).is_ok();
    with_type(
        status,
        if is_json { "application/json" } else { "text/plain" },
        body.to_owned().into(),
    )
}

/// Adds a header whose value can be sent.
pub(super) fn with_header(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// An answer with a body of some type.
pub(crate) fn with_type(status: u16, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A JSON answer; Graph always says utf-8.
pub(crate) fn json_answer(status: u16, body: &Value) -> Response {
    with_type(status, JSON, body.to_string().into())
}
