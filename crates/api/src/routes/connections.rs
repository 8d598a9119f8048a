//! Provider connections of a workspace, and their credentials.

mod change;
mod create;
mod credential;
mod get;
mod list;
mod put_credential;
mod target;

mod delete;
mod disable;
mod enable;
mod expiry_calendar;
mod history;
mod identity_resolution;
mod make_default;
mod patch;
mod put_identity;
mod retarget;
mod surface_summary;
mod switch;
mod target_scope_preview;

use provider_core::{ProviderConnection, RequirementRow};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{ApiState, answers::Representation, problem::Problem, views::connection::ConnectionView};

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create_connection)
        .service(list::list_connections)
        .service(get::get_connection)
        .service(put_credential::put_connection_credential);
    config
        .service(patch::patch_connection)
        .service(make_default::make_default_connection)
        .service(enable::enable_connection)
        .service(disable::disable_connection)
        .service(delete::delete_connection)
        .service(put_identity::put_connection_identity)
        .service(target_scope_preview::preview_target_scope)
        .service(identity_resolution::get_identity_resolution)
        .service(surface_summary::get_surface_summary)
        .service(history::list_connection_history)
        .service(expiry_calendar::list_expiry_calendar);
}

/// The one representation of a single connection: reads and changes answer with the same entity
/// tag, so what a change returns can be changed again.
fn representation(
    state: &ApiState,
    connection: &ProviderConnection,
    requirements: Vec<RequirementRow>,
) -> Result<Representation, Problem> {
    let view = ConnectionView::of(state, connection, state.clock.now()).with_requirements(requirements);
    Representation::of(&format!("{}-{}", connection.id, connection.version), &view)
}
