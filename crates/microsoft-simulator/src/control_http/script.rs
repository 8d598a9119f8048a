//! Faults, rules and the fault script over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{post, put};
use axum::{Json, Router};

use crate::control::Control;
use crate::fault::Fault;
use crate::script::{Rule, Script};

pub(super) fn routes() -> Router<Control> {
    Router::new()
        .route("/faults", post(add_fault).delete(clear_faults))
        .route("/rules", post(add_rule))
        .route("/script", put(play).get(hits).delete(stop))
}

type Refusal = (StatusCode, String);

async fn add_fault(State(control): State<Control>, Json(fault): Json<Fault>) -> Result<StatusCode, Refusal> {
    inject(&control, fault.into())
}

async fn add_rule(State(control): State<Control>, Json(rule): Json<Rule>) -> Result<StatusCode, Refusal> {
    inject(&control, rule)
}

fn inject(control: &Control, rule: Rule) -> Result<StatusCode, Refusal> {
    if let Some(complaint) = rule.complaint() {
        return Err((StatusCode::BAD_REQUEST, complaint.to_owned()));
    }
    control.inject_rule(rule);
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(control): State<Control>) -> StatusCode {
    control.clear_faults();
    StatusCode::NO_CONTENT
}

/// Takes the text as it is, so that an answer can name the line.
async fn play(State(control): State<Control>, text: String) -> Result<StatusCode, Refusal> {
    let script = Script::parse(&text).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    control.play(script);
    Ok(StatusCode::NO_CONTENT)
}

async fn hits(State(control): State<Control>) -> Json<Vec<u32>> {
    Json(control.script_hits())
}

async fn stop(State(control): State<Control>) -> StatusCode {
    control.play(Script::default());
    StatusCode::NO_CONTENT
}
