//! The audit log.

mod list;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list::list_audit_events);
}
