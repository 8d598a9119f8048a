//! Catalogues that say what words mean: public and the same for everybody.

mod operation_types;
mod problems;
mod reason_codes;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(operation_types::list_operation_types)
        .service(problems::list_problems)
        .service(reason_codes::list_reason_codes);
}
