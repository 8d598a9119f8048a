//! The routes: one endpoint, one file. Registration serves them and documents them at once.

pub(crate) mod audit;
pub(crate) mod catalogues;
pub(crate) mod compliance;
pub(crate) mod connections;
pub(crate) mod consent;
pub(crate) mod docs;
pub(crate) mod environments;
pub(crate) mod events;
pub(crate) mod inventory;
pub(crate) mod members;
pub(crate) mod notifications;
pub(crate) mod operation_runs;
pub(crate) mod schedules;
pub(crate) mod system;
pub(crate) mod unmatched;
pub(crate) mod webhooks;
pub(crate) mod workspaces;

use utoipa_actix_web::service_config::ServiceConfig;

/// The pages for people, with their methods. They are not part of the API and not of its document.
pub(crate) const PAGES: [(&str, &str); 4] = [
    (docs::PATHS[0], "GET, HEAD"),
    (docs::PATHS[1], "GET, HEAD"),
    (consent::CALLBACK, "GET, HEAD"),
    (consent::LINK, "GET, HEAD, POST"),
];

/// Registers every route. The OpenAPI document is made by the same call.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .configure(workspaces::configure)
        .configure(environments::configure)
        .configure(members::configure)
        .configure(connections::configure)
        .configure(operation_runs::configure)
        .configure(schedules::configure)
        .configure(inventory::configure)
        .configure(compliance::configure)
        .configure(webhooks::configure)
        .configure(audit::configure)
        .configure(events::configure)
        .configure(notifications::configure)
        .configure(catalogues::configure)
        .configure(system::configure)
        .configure(docs::configure)
        .configure(consent::configure);
}
