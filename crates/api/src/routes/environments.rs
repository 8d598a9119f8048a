//! Managed environments of a workspace.

mod create;
mod get;
mod list;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create_environment)
        .service(list::list_environments)
        .service(get::get_environment);
}
