//! Provider connections of a workspace, and their credentials.

mod call_attempts;
mod change;
mod consent_link;
mod create;
mod credential;
mod credential_change;
mod delete;
mod disable;
mod discard_next_credential;
mod enable;
mod expiry_calendar;
mod get;
mod history;
mod identity_resolution;
mod list;
mod make_default;
mod patch;
mod promote_credential;
mod put_credential;
mod put_identity;
mod put_next_credential;
mod remove_credentials;
mod retarget;
mod roll_back_credential;
mod surface_summary;
mod switch;
mod target;
mod target_scope_preview;
mod throttling;

use provider_core::{ConnectionId, ProviderConnection, RequirementRow};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    ApiState,
    answers::Representation,
    auth::{guard::Guard, permission::Permission},
    problem::{Code, Problem},
    views::connection::ConnectionView,
};

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
        .service(throttling::get_connection_throttling)
        .service(call_attempts::list_connection_call_attempts)
        .service(expiry_calendar::list_expiry_calendar);
    config
        .service(remove_credentials::remove_connection_credentials)
        .service(put_next_credential::put_next_connection_credential)
        .service(discard_next_credential::discard_next_connection_credential)
        .service(promote_credential::promote_connection_credential)
        .service(roll_back_credential::roll_back_connection_credential)
        .service(consent_link::create_consent_link);
}

/// A connection that is not here is a 404 before anything is said about a body.
async fn exists<P: Permission>(guard: &Guard<P>) -> Result<ProviderConnection, Problem> {
    let id: ConnectionId = guard.id("connection_id")?;
    let session = guard.state.storage.read().await?;
    let found = session.connections().find(&guard.scope, id).await?;
    found.ok_or_else(|| Problem::new(Code::NotFound))
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
