//! `GET /readyz`

use actix_web::{
    get,
    web::{Data, Json},
};

use super::livez::Health;
use crate::{
    ApiState,
    problem::{Code, Problem},
};

/// Check that the store answers
///
/// And that its schema is the one that this program knows. Needs no token.
#[utoipa::path(
    tag = "system",
    security(()),
    responses(
        (status = 200, description = "Requests can be served", body = Health),
        (status = 503, description = "store_unavailable"),
    ),
)]
#[get("/readyz")]
pub(crate) async fn get_readiness(state: Data<ApiState>) -> Result<Json<Health>, Problem> {
    // A server that is closing is not ready, whatever the store says.
    if state.closing.is_cancelled() {
        return Err(Problem::new(Code::StoreUnavailable));
    }
    state
        .storage
        .ready()
        .await
        .map_err(|error| Problem::not_ready(&error))?;
    Ok(Json(Health { status: "ok" }))
}
