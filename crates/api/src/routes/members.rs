//! Members of a workspace.

mod add;
mod list;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(add::add_member).service(list::list_members);
}
