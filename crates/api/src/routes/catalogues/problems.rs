//! `GET /api/v1/problems`

use actix_web::{get, web::Json};

use crate::{
    input::{Query, query::NoQuery},
    problem::{Code, Problem},
    views::catalogue::{ProblemTypeList, ProblemTypeView},
};

/// List problems
///
/// Every problem that an answer of this API can be. Needs no token.
#[utoipa::path(
    tag = "catalogues",
    security(()),
    responses(
        (status = 200, description = "All of them", body = ProblemTypeList),
        (status = 400, description = "invalid_query"),
    ),
)]
#[get("/api/v1/problems")]
pub(crate) async fn list_problems(query: Query<NoQuery>) -> Result<Json<ProblemTypeList>, Problem> {
    let NoQuery {} = query.read()?;
    let items = Code::ALL.iter().copied().map(ProblemTypeView::from).collect();
    Ok(Json(ProblemTypeList {
        items,
        next_cursor: None,
    }))
}
