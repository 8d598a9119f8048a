//! `GET /livez`

use actix_web::{get, web::Json};
use serde::Serialize;
use utoipa::ToSchema;

/// How the process is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    pub(super) status: &'static str,
}

/// Check that the process answers
///
/// Says nothing about the store. Needs no token.
#[utoipa::path(
    tag = "system",
    security(()),
    responses((status = 200, description = "It answers", body = Health)),
)]
#[get("/livez")]
pub(crate) async fn get_liveness() -> Json<Health> {
    Json(Health { status: "ok" })
}
