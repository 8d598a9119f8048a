//! `GET /api/v1/openapi.json`

use std::sync::LazyLock;

use actix_web::{HttpResponse, get, http::header::CACHE_CONTROL};

use crate::{
    input::{Query, query::NoQuery},
    problem::Problem,
};

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| crate::openapi().to_json().expect("the document is plain data"));

/// Read the OpenAPI document
///
/// The description of this API, made from the routes that serve it. Needs no token.
#[utoipa::path(
    tag = "system",
    security(()),
    responses(
        (status = 200, description = "The document", body = serde_json::Value),
        (status = 400, description = "invalid_query"),
    ),
)]
#[get("/api/v1/openapi.json")]
pub(crate) async fn get_openapi_document(query: Query<NoQuery>) -> Result<HttpResponse, Problem> {
    let NoQuery {} = query.read()?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .content_type("application/json")
        .body(DOCUMENT.as_str()))
}
