//! `GET /api/v1/reason-codes`

use actix_web::{get, web::Json};
use provider_core::ReasonCode;

use crate::{
    input::{Query, query::NoQuery},
    problem::Problem,
    views::catalogue::{ReasonCodeList, ReasonCodeView},
};

/// List reason codes
///
/// Why operations are blocked or fail, and what to do about it. Needs no token.
#[utoipa::path(
    tag = "catalogues",
    security(()),
    responses(
        (status = 200, description = "All of them", body = ReasonCodeList),
        (status = 400, description = "invalid_query"),
    ),
)]
#[get("/api/v1/reason-codes")]
pub(crate) async fn list_reason_codes(query: Query<NoQuery>) -> Result<Json<ReasonCodeList>, Problem> {
    let NoQuery {} = query.read()?;
    let items = ReasonCode::ALL
        .iter()
        .copied()
        .map(ReasonCodeView::from)
        .collect();
    Ok(Json(ReasonCodeList {
        items,
        next_cursor: None,
    }))
}
