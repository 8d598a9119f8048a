//! Graph's error answers (Microsoft Graph documentation, "error responses and resource types"; bodies as seen
//! in public reports). The three services that stand behind Graph each say "no permission" in their own way.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde_json::{Value, json};
use uuid::Uuid;

use super::endpoint::Service;
use crate::exchange::Ids;
use crate::fault::json_answer;
use crate::population::principals::GRAPH_APP;

/// A refusal that Graph answers.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

/// The body of every Graph error.
pub(crate) fn error_body(code: &str, message: &str, ids: &Ids) -> Value {
    json!({ "error": {
        "code": code,
        "message": message,
        "innerError": {
            "date": ids.at.format("%Y-%m-%dT%H:%M:%S").to_string(),
            "request-id": ids.request_id,
            "client-request-id": ids.client_request_id,
        },
    } })
}

impl Problem {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(super) fn unauthenticated(message: &str) -> Self {
        Self::new(401, "InvalidAuthenticationToken", message)
    }

    /// The token is good, but its tenant is not here.
    pub(super) fn identity_not_found() -> Self {
        let message = "The identity of the calling application could not be established.";
        Self::new(401, "Authorization_IdentityNotFound", message)
    }

    pub(super) fn no_segment(segment: &str) -> Self {
        Self::new(
            404,
            "BadRequest",
            format!("Resource not found for the segment '{segment}'."),
        )
    }

    pub(super) fn not_found(key: &str) -> Self {
        let message = format!("Resource '{key}' does not exist or one of its references is not present.");
        Self::new(404, "Request_ResourceNotFound", message)
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            405,
            "BadRequest",
            "The HTTP method is not allowed for the request target.",
        )
    }

    /// Intune cannot be used in the tenant. The sentence is what clients recognise it by.
    pub(super) fn not_licensed() -> Self {
        Self::new(400, "BadRequest", "Request not applicable to target tenant.")
    }

    /// The token lacks a role.
    pub(super) fn no_permission(service: Service, roles: &[&str], path: &str, ids: &Ids) -> Self {
        match service {
            Service::Directory => Self::new(
                403,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            ),
            Service::ConditionalAccess => Self::new(
                403,
                "AccessDenied",
                "You cannot perform the requested operation, required scopes are missing in the token.",
            ),
            Service::Intune => Self::new(403, "Forbidden", intune_message(roles, path, ids)),
        }
    }

    pub(super) fn bad_query(service: Service, message: String) -> Self {
        let code = if service == Service::Directory {
            "Request_BadRequest"
        } else {
            "BadRequest"
        };
        Self::new(400, code, message)
    }

    pub(super) fn unsupported_query(option: &str) -> Self {
        Self::new(
            400,
            "Request_UnsupportedQuery",
            format!("The query option '{option}' is not supported here."),
        )
    }

    pub(super) fn unsupported_filter(property: &str, entity: &str) -> Self {
        let message = format!(
            "Unsupported or invalid query filter clause specified for property '{property}' of resource '{entity}'."
        );
        Self::new(400, "Request_UnsupportedQuery", message)
    }

    /// The tenant has no Entra ID P1. The sentence is the real one.
    pub(super) fn not_premium() -> Self {
        Self::new(
            403,
            "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
            "Neither tenant is B2C or tenant doesn't have premium license",
        )
    }

    /// A batch that cannot be taken apart.
    pub(super) fn bad_batch(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(super) fn count_needs_consistency() -> Self {
        Self::new(400, "Request_BadRequest", "$count is not currently supported.")
    }

    pub(super) fn bad_page_token(service: Service) -> Self {
        match service {
            Service::Directory => Self::new(
                400,
                "Directory_ExpiredPageToken",
                "The page token of the request has expired and can no longer be used.",
            ),
            Service::Intune | Service::ConditionalAccess => Self::new(400, "", "Invalid Skip Token"),
        }
    }

    pub(super) fn answer(&self, ids: &Ids, base_url: &str) -> Response {
        let mut response = json_answer(self.status, &error_body(self.code, &self.message, ids));
        let headers = response.headers_mut();
        if self.status == 401 {
            let challenge = format!(
                "Bearer realm=\"\", authorization_uri=\"{base_url}/common/oauth2/authorize\", client_id=\"{GRAPH_APP}\""
            );
            if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
        }
        if self.status == 405 {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET"));
        }
        response
    }
}

/// Intune puts a whole JSON document into the message, with the roles that would do.
fn intune_message(roles: &[&str], path: &str, ids: &Ids) -> String {
    let message = format!(
        "Application is not authorized to perform this operation. Application must have one of the following \
         scopes: {} - Operation ID (for customer support): {} - Activity ID: {} - Url: \
         https://fef.simulator.manage.example{path}",
        roles.join(", "),
        Uuid::nil(),
        ids.request_id,
    );
    let document = json!({
        "_version": 3, "Message": message, "CustomApiErrorPhrase": "", "RetryAfter": null,
        "ErrorSourceService": "", "HttpHeaders": "{}",
    });
    serde_json::to_string_pretty(&document)
        .unwrap_or_default()
        .replace('\n', "\r\n")
}
