//! Provider connections of a workspace, and their credentials.

mod create;
mod credential;
mod get;
mod list;
mod put_credential;
mod target;

mod consent_link;
mod credential_change;
mod discard_next_credential;
mod promote_credential;
mod put_next_credential;
mod remove_credentials;
mod roll_back_credential;

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
        .service(put_credential::put_connection_credential)
        .service(remove_credentials::remove_connection_credentials)
        .service(put_next_credential::put_next_connection_credential)
        .service(discard_next_credential::discard_next_connection_credential)
        .service(promote_credential::promote_connection_credential)
        .service(roll_back_credential::roll_back_connection_credential)
        .service(consent_link::create_consent_link);
}

/// A connection that is not here is a 404 before anything is said about a body.
async fn exists<P: Permission>(guard: &Guard<P>) -> Result<(), Problem> {
    let id: ConnectionId = guard.id("connection_id")?;
    let session = guard.state.storage.read().await?;
    let found = session.connections().find(&guard.scope, id).await?;
    found.map(drop).ok_or_else(|| Problem::new(Code::NotFound))
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
