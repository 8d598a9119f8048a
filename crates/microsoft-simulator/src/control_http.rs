//! The control over HTTP, for other processes: `/_simulator/...`. These calls are not in the call log.
//!
//! `calls` (GET with `tenant`, `path_contains`, `after`, `limit`; DELETE) and `calls/counts`; `faults`, `rules` (POST)
//! and `script` (PUT, GET, DELETE); `throttle` (PUT, GET), `early` (GET, DELETE), `page-tokens` (PUT); `clock` (PUT);
//! `tokens` (DELETE); `holds`; `consent` (POST, DELETE); `tenants/{tenant}/premium`, `tenants/{tenant}/replication` and
//! `tenants/{tenant}/apps/{client}` (PUT).

mod limits;
mod script;

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::control::{Call, CallCount, CallFilter, Control};
use crate::options::AppState;

/// The routes, to be nested under `/_simulator`.
pub(crate) fn routes(control: Control) -> Router {
    Router::new()
        .route("/health", get(|| async { Json(json!({ "status": "ok" })) }))
        .route("/calls", get(list_calls).delete(clear_calls))
        .route("/calls/counts", get(count_calls))
        .merge(limits::routes())
        .merge(script::routes())
        .route("/holds", post(add_hold))
        .route("/holds/{id}", get(show_hold).delete(drop_hold))
        .route("/tokens", delete(expire_tokens))
        .route("/clock", put(set_clock))
        .route("/consent", post(consent).delete(revoke_consent))
        .route("/tenants/{tenant}/replication", put(change_replication))
        .route("/tenants/{tenant}/apps/{client}", put(change_app))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .with_state(control)
}

async fn list_calls(State(control): State<Control>, Query(filter): Query<CallFilter>) -> Json<Vec<Call>> {
    Json(control.find_calls(&filter))
}

async fn count_calls(State(control): State<Control>) -> Json<Vec<CallCount>> {
    Json(control.call_counts())
}

async fn clear_calls(State(control): State<Control>) -> StatusCode {
    control.clear_calls();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewHold {
    path_contains: String,
}

async fn add_hold(State(control): State<Control>, Json(hold): Json<NewHold>) -> (StatusCode, Json<Value>) {
    let id = control.keep_remote_hold(&hold.path_contains);
    (StatusCode::CREATED, Json(json!({ "id": id })))
}

async fn show_hold(State(control): State<Control>, Path(id): Path<u64>) -> Result<Json<Value>, StatusCode> {
    let waiting = control.remote_waiting(id).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({ "id": id, "waiting": waiting })))
}

async fn drop_hold(State(control): State<Control>, Path(id): Path<u64>) -> StatusCode {
    found(control.drop_remote_hold(id))
}

async fn expire_tokens(State(control): State<Control>) -> StatusCode {
    control.expire_tokens();
    StatusCode::NO_CONTENT
}

/// What may change about an application; members that are left out stay as they are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppChange {
    state: Option<AppState>,
    roles: Option<Vec<String>>,
    client_secret: Option<String>,
}

async fn change_app(
    State(control): State<Control>,
    Path((tenant, client)): Path<(Uuid, Uuid)>,
    Json(change): Json<AppChange>,
) -> StatusCode {
    found(control.directory().change_app(tenant, client, |app| {
        app.state = change.state.unwrap_or(app.state);
        if let Some(roles) = change.roles {
            app.roles = roles;
        }
        if let Some(secret) = change.client_secret {
            app.client_secret = secret;
        }
    }))
}

/// A tenant and an application in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Installation {
    tenant: Uuid,
    client: Uuid,
}

async fn consent(State(control): State<Control>, Json(what): Json<Installation>) -> StatusCode {
    found(control.consent(what.tenant, what.client))
}

async fn revoke_consent(State(control): State<Control>, Json(what): Json<Installation>) -> StatusCode {
    found(control.revoke_consent(what.tenant, what.client))
}

/// How late consents are seen; members that are left out stay as they are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplicationChange {
    delay_seconds: Option<u64>,
    misses: Option<u32>,
    role_misses: Option<u32>,
}

async fn change_replication(
    State(control): State<Control>,
    Path(tenant): Path<Uuid>,
    Json(change): Json<ReplicationChange>,
) -> StatusCode {
    if control.directory().tenant(tenant).is_none() {
        return StatusCode::NOT_FOUND;
    }
    if let Some(seconds) = change.delay_seconds {
        control.set_replication_delay(tenant, Duration::from_secs(seconds));
    }
    if let Some(requests) = change.misses {
        control.set_replication_misses(tenant, requests);
    }
    if let Some(tokens) = change.role_misses {
        control.set_role_misses(tenant, tokens);
    }
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    offset_seconds: i32,
}

async fn set_clock(State(control): State<Control>, Json(clock): Json<Clock>) -> StatusCode {
    control.set_clock_offset(TimeDelta::seconds(clock.offset_seconds.into()));
    StatusCode::NO_CONTENT
}

/// 204 for something that was there.
fn found(found: bool) -> StatusCode {
    if found {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}
