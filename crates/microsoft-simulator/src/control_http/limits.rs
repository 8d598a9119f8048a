//! Throttling, page tokens, licences and the log of early requests over HTTP.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use chrono::TimeDelta;
use serde::Deserialize;
use uuid::Uuid;

use crate::control::Control;
use crate::throttle::{EarlyRequest, Status, ThrottleClass};

pub(super) fn routes() -> Router<Control> {
    Router::new()
        .route("/throttle", put(change_throttle).get(show_throttle))
        .route("/early", get(list_early).delete(clear_early))
        .route("/page-tokens", put(change_page_tokens))
        .route("/tenants/{tenant}/premium", put(change_premium))
}

/// What may change about the limits; members that are left out stay as they are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThrottleChange {
    enabled: Option<bool>,
    /// Factors by class.
    #[serde(default)]
    scale: BTreeMap<String, f64>,
}

async fn change_throttle(
    State(control): State<Control>,
    Json(change): Json<ThrottleChange>,
) -> Result<StatusCode, (StatusCode, String)> {
    for (name, factor) in change.scale {
        let class = serde_json::from_value::<ThrottleClass>(name.clone().into());
        if !class.is_ok_and(|class| control.scale_throttling(class, factor)) {
            let message = format!("scale.{name}: no such class, or a factor that is not above 0");
            return Err((StatusCode::BAD_REQUEST, message));
        }
    }
    if let Some(enabled) = change.enabled {
        control.set_throttling(enabled);
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn show_throttle(State(control): State<Control>) -> Json<Status> {
    Json(control.throttle().status())
}

async fn list_early(State(control): State<Control>) -> Json<Vec<EarlyRequest>> {
    Json(control.early_requests())
}

async fn clear_early(State(control): State<Control>) -> StatusCode {
    control.clear_early_requests();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PageTokens {
    life_minutes: u32,
}

async fn change_page_tokens(State(control): State<Control>, Json(tokens): Json<PageTokens>) -> StatusCode {
    control.set_page_token_life(TimeDelta::minutes(tokens.life_minutes.into()));
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Licence {
    premium: bool,
}

async fn change_premium(
    State(control): State<Control>,
    Path(tenant): Path<Uuid>,
    Json(licence): Json<Licence>,
) -> StatusCode {
    let known = control.directory().tenant(tenant).is_some();
    if known {
        control.set_premium(tenant, licence.premium);
    }
    super::found(known)
}
