//! For whoever runs the installation: health, metrics, and the OpenAPI document.

mod livez;
mod metrics;
mod openapi;
mod readyz;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(livez::get_liveness)
        .service(readyz::get_readiness)
        .service(metrics::get_metrics)
        .service(openapi::get_openapi_document);
}
