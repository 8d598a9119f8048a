//! The two pages of the consent flow: the question and the refusal. Everything that comes from outside is escaped.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::entra_error::EntraError;
use crate::exchange::Ids;
use crate::options::TenantOptions;
use crate::registration::AppRegistration;

/// Names the application, the tenant and the permissions; the form goes to the same address, query included.
pub(super) fn question(registration: &AppRegistration, tenant: &TenantOptions) -> Response {
    let roles: Vec<String> = registration
        .requested_roles
        .iter()
        .map(|role| format!("<li>{}</li>", escape(role)))
        .collect();
    let roles = roles.concat();
    let body = format!(
        "<h1>Permissions requested</h1>\
         <p><strong>{app}</strong> ({client}) asks an administrator of <strong>{tenant}</strong> ({tenant_id}) for \
         these application permissions:</p><ul>{roles}</ul>\
         <form method=\"post\">\
         <button name=\"decision\" value=\"approve\">Approve</button> \
         <button name=\"decision\" value=\"decline\">Decline</button> \
         <button name=\"decision\" value=\"wrong_directory\">Sign in to another directory</button></form>",
        app = escape(&registration.display_name),
        client = registration.client_id,
        tenant = escape(&tenant.display_name),
        tenant_id = tenant.tenant_id,
    );
    html(StatusCode::OK, "Permissions requested", &body)
}

/// What is wrong with the request. The status of the real page is not known.
pub(super) fn refusal(error: &EntraError, ids: &Ids) -> Response {
    let description = escape(&error.description(ids, "\n"));
    let body = format!("<h1>Sign in failed</h1><pre>{description}</pre>");
    html(StatusCode::BAD_REQUEST, "Sign in failed", &body)
}

fn html(status: StatusCode, title: &str, body: &str) -> Response {
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} - Microsoft simulator</title>\
         </head><body>{body}</body></html>\n"
    );
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store, no-cache"),
        ),
    ];
    (status, headers, text).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
