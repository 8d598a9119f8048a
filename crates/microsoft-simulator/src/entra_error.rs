//! Error answers of the login side (Entra authentication and authorization error codes page).
//!
//! A description names the ids that were sent, as the real one does; it never repeats a secret.

mod consent;
mod credential;

use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde_json::json;
use uuid::Uuid;

use crate::exchange::Ids;
use crate::fault::json_answer;

/// One refusal: HTTP status, OAuth error (RFC 6749, section 5.2), AADSTS number, sentence.
pub(crate) struct EntraError {
    status: u16,
    error: &'static str,
    code: u32,
    sentence: String,
}

impl EntraError {
    fn new(status: u16, error: &'static str, code: u32, sentence: impl Into<String>) -> Self {
        Self {
            status,
            error,
            code,
            sentence: sentence.into(),
        }
    }

    pub(crate) fn unknown_tenant(name: &str) -> Self {
        let sentence = format!(
            "Tenant '{name}' not found. Check the tenant identifier and that the request goes to the right cloud."
        );
        Self::new(400, "invalid_tenant", 90002, sentence)
    }

    /// `common` and `organizations` name no tenant, `consumers` has no client credentials.
    pub(crate) fn shared_tenant(name: &str) -> Self {
        if name == "consumers" {
            let sentence = "The grant type is not available on the /common or /consumers endpoints.";
            return Self::new(400, "invalid_request", 9_001_023, sentence);
        }
        let sentence =
            "No tenant-identifying information found in the request or implied by the credentials.";
        Self::new(400, "invalid_request", 50059, sentence)
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        let sentence = format!("The request body must contain the following parameter: '{name}'.");
        Self::new(400, "invalid_request", 900_144, sentence)
    }

    pub(crate) fn unsupported_grant(grant: &str) -> Self {
        let sentence = format!("The grant type '{grant}' is not supported here.");
        Self::new(400, "unsupported_grant_type", 70003, sentence)
    }

    pub(crate) fn invalid_scope(scope: &str) -> Self {
        let sentence = format!("The value of the input parameter 'scope' is not valid: {scope}.");
        Self::new(400, "invalid_scope", 70011, sentence)
    }

    pub(crate) fn scope_without_default(scope: &str) -> Self {
        let sentence = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        Self::new(400, "invalid_scope", 1_002_012, sentence)
    }

    /// Status by the family of the number: no recording was found.
    pub(crate) fn several_resources() -> Self {
        let sentence = "The scope names more than one resource; a token is for one.";
        Self::new(400, "invalid_scope", 700_022, sentence)
    }

    pub(crate) fn unknown_resource(resource: &str, tenant: &str) -> Self {
        let sentence = format!(
            "The resource principal named {resource} was not found in the tenant named {tenant}. Nobody installed it \
             there or consented to it, or the request went to the wrong tenant."
        );
        Self::new(400, "invalid_resource", 500_011, sentence)
    }

    /// Error as MSAL expects it of an authority that is not the service's.
    pub(crate) fn unknown_instance() -> Self {
        Self::new(400, "invalid_instance", 50049, "Unknown or invalid instance.")
    }

    pub(crate) fn app_absent(client: &str, tenant: &str) -> Self {
        let sentence = format!(
            "Application with identifier '{client}' was not found in the directory '{tenant}'. Nobody installed it \
             there or consented to it, or the request went to the wrong tenant."
        );
        Self::new(400, "unauthorized_client", 700_016, sentence)
    }

    pub(crate) fn app_disabled(client: Uuid) -> Self {
        Self::new(
            400,
            "unauthorized_client",
            7_000_112,
            format!("Application '{client}' is disabled."),
        )
    }

    /// The words of an `error_description`, with the lines that the token endpoint puts behind one another.
    pub(crate) fn description(&self, ids: &Ids, separator: &str) -> String {
        let (trace, correlation) = (ids.request_id, ids.correlation());
        [
            format!("AADSTS{}: {}", self.code, self.sentence),
            format!("Trace ID: {trace}"),
            format!("Correlation ID: {correlation}"),
            format!("Timestamp: {}", timestamp(ids)),
        ]
        .join(separator)
    }

    /// Address of a page about the number.
    pub(crate) fn uri(&self, base_url: &str) -> String {
        format!("{base_url}/error?code={}", self.code)
    }

    pub(crate) fn answer(&self, ids: &Ids, base_url: &str) -> Response {
        let body = json!({
            "error": self.error,
            "error_description": self.description(ids, " "),
            "error_codes": [self.code],
            "timestamp": timestamp(ids),
            "trace_id": ids.request_id,
            "correlation_id": ids.correlation(),
            "error_uri": self.uri(base_url),
        });
        let mut response = json_answer(self.status, &body);
        let cache = if self.code == 90002 {
            "max-age=86400, private"
        } else {
            "no-store, no-cache"
        };
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        response
    }
}

fn timestamp(ids: &Ids) -> String {
    ids.at.format("%Y-%m-%d %H:%M:%SZ").to_string()
}
