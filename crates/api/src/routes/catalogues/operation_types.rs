//! `GET /api/v1/operation-types`

use actix_web::{get, web::Json};
use operations::OperationType;

use crate::{
    input::{Query, query::NoQuery},
    problem::Problem,
    views::catalogue::{OperationTypeList, OperationTypeView},
};

/// List operation types
///
/// What there is, with what it takes to start it and how long it lasts. What is not `startable` comes
/// with a call of its own, or from the system. Needs no token.
#[utoipa::path(
    tag = "catalogues",
    security(()),
    responses(
        (status = 200, description = "All of them", body = OperationTypeList),
        (status = 400, description = "invalid_query"),
    ),
)]
#[get("/api/v1/operation-types")]
pub(crate) async fn list_operation_types(query: Query<NoQuery>) -> Result<Json<OperationTypeList>, Problem> {
    let NoQuery {} = query.read()?;
    let items = OperationType::ALL.map(|operation| OperationTypeView::from(operation.definition()));
    Ok(Json(OperationTypeList {
        items: items.into(),
        next_cursor: None,
    }))
}
