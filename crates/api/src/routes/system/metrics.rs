//! `GET /metrics`

use actix_web::{HttpResponse, get, web::Data};

use crate::ApiState;

/// Read metrics
///
/// OpenMetrics text. Holds no workspace, no name and no id. Needs no token: keep it off the
/// public side of your proxy.
#[utoipa::path(
    tag = "system",
    security(()),
    responses((status = 200, description = "The metrics", body = String, content_type = "application/openmetrics-text")),
)]
#[get("/metrics")]
pub(crate) async fn get_metrics(state: Data<ApiState>) -> HttpResponse {
    if let Some(queue) = &state.queue_depth {
        match queue.depth().await {
            Ok(depth) => state.metrics.runs(&depth),
            Err(error) => tracing::error!(cause = %error, "the queue's depth is not known"),
        }
        match queue.call_totals().await {
            Ok(totals) => state.metrics.calls(totals),
            Err(error) => tracing::error!(cause = %error, "what calls came to is not known"),
        }
    }
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(state.metrics.text())
}
