//! The routes: one endpoint, one file. Registration serves them and documents them at once.

pub(crate) mod audit;
pub(crate) mod catalogues;
pub(crate) mod compliance;
pub(crate) mod connections;
pub(crate) mod docs;
pub(crate) mod environments;
pub(crate) mod inventory;
pub(crate) mod members;
pub(crate) mod operation_runs;
pub(crate) mod system;
pub(crate) mod unmatched;
pub(crate) mod workspaces;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers every route. The OpenAPI document is made by the same call.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .configure(workspaces::configure)
        .configure(environments::configure)
        .configure(members::configure)
        .configure(connections::configure)
        .configure(operation_runs::configure)
        .configure(inventory::configure)
        .configure(compliance::configure)
        .configure(audit::configure)
        .configure(catalogues::configure)
        .configure(system::configure)
        .configure(docs::configure);
}
