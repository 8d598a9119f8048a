//! Faults on demand: what can go wrong, and the answers that stand for it.
//!
//! Statuses and bodies follow the Microsoft Graph error, throttling and best-practice pages; a throttled token
//! request is plain text, as public reports show.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::exchange::Ids;
use crate::graph::error_body;

/// A fault for the next requests whose path and query contain a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Text to look for; empty matches every request.
    pub path_contains: String,
    /// How many requests it hits.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens to them.
    pub kind: FaultKind,
}

fn once() -> u32 {
    1
}

/// What a fault does. In JSON the variant is the `type` member, in snake case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FaultKind {
    /// 429; plain text on the token path.
    Throttled {
        /// Value of `Retry-After`; the real services sometimes leave it out.
        retry_after: Option<String>,
    },
    /// Any status with any body; the content type is JSON when the body is.
    Status {
        /// HTTP status code.
        status: u16,
        /// Raw body.
        body: String,
    },
    /// 500 with code `UnknownError` and an empty message.
    ServerError,
    /// 503.
    ServiceUnavailable {
        /// Value of `Retry-After`.
        retry_after: Option<String>,
    },
    /// 504 with code `UnknownError` and an empty message.
    GatewayTimeout,
    /// 200 with a web page, as a captive proxy would answer.
    Html,
    /// The true answer, cut in half: the connection ends before the announced length.
    Truncated,
    /// 302.
    Redirect {
        /// Value of `Location`.
        location: String,
    },
    /// The true page, with this as its `@odata.nextLink`.
    NextLink {
        /// The link; may be relative, foreign, or a loop.
        url: String,
    },
    /// No items and a link to the page that was asked for: legal, and no item is lost.
    EmptyPage,
    /// The token endpoint issues a token for another tenant than the one in the URL.
    WrongTenantToken {
        /// Tenant that is written into the token.
        tid: Uuid,
    },
}

impl FaultKind {
    /// Whether the true answer is made first and then changed, by the handler or afterwards.
    pub(crate) fn needs_answer(&self) -> bool {
        matches!(
            self,
            Self::Truncated | Self::NextLink { .. } | Self::EmptyPage | Self::WrongTenantToken { .. }
        )
    }

    /// The answer in place of the true one.
    pub(crate) fn answer(&self, ids: &Ids, login: bool) -> Response {
        match self {
            Self::Throttled { retry_after } => throttled(retry_after.as_deref(), ids, login),
            Self::Status { status, body } => raw(*status, body),
            Self::ServiceUnavailable { retry_after } => {
                let body = error_body("serviceNotAvailable", "The service cannot answer now.", ids);
                with_retry_after(json_answer(503, &body), retry_after.as_deref())
            }
            Self::GatewayTimeout => json_answer(504, &error_body("UnknownError", "", ids)),
            Self::Html => with_type(
                200,
                "text/html; charset=utf-8",
                "<html><body>Sign in</body></html>".into(),
            ),
            Self::Redirect { location } => {
                let mut response = with_type(302, "text/plain", Body::empty());
                if let Ok(value) = HeaderValue::from_str(location) {
                    response.headers_mut().insert(header::LOCATION, value);
                }
                response
            }
            _ => json_answer(500, &error_body("UnknownError", "", ids)),
        }
    }

    /// Changes the true answer after it was made.
    pub(crate) async fn reshape(&self, response: Response) -> Response {
        match self {
            Self::NextLink { url } => relink(response, url).await,
            Self::Truncated => truncate(response).await,
            _ => response,
        }
    }
}

fn throttled(retry_after: Option<&str>, ids: &Ids, login: bool) -> Response {
    let response = if login {
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
    with_retry_after(response, retry_after)
}

fn raw(status: u16, body: &str) -> Response {
    let is_json = serde_json::from_str::<Value>(body).is_ok();
    with_type(
        status,
        if is_json { "application/json" } else { "text/plain" },
        body.to_owned().into(),
    )
}

fn with_type(status: u16, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A JSON answer; Graph always says utf-8.
pub(crate) fn json_answer(status: u16, body: &Value) -> Response {
    with_type(status, "application/json; charset=utf-8", body.to_string().into())
}

fn with_retry_after(mut response: Response, value: Option<&str>) -> Response {
    if let Some(value) = value.and_then(|text| HeaderValue::from_str(text).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

async fn relink(response: Response, url: &str) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let Ok(mut page) = serde_json::from_slice::<Value>(&bytes) else {
        return Response::from_parts(parts, bytes.into());
    };
    page["@odata.nextLink"] = json!(url);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, page.to_string().into())
}

async fn truncate(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let half = bytes.slice(..bytes.len() / 2);
    // The pause lets the first half reach the wire before the connection is dropped.
    let cut = async {
        tokio::task::yield_now().await;
        Err(std::io::Error::other("cut by a fault"))
    };
    let first = futures::stream::iter([Ok(half)]);
    Response::from_parts(parts, Body::from_stream(first.chain(futures::stream::once(cut))))
}
