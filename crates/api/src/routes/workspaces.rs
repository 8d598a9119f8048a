//! Workspaces.

mod create;
mod get;
mod list;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create_workspace)
        .service(list::list_workspaces)
        .service(get::get_workspace);
}
