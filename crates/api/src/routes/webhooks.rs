//! Webhooks of a workspace and the log of their deliveries. Nothing here calls a receiver: what is
//! to be sent is queued, and a worker sends it.

mod change;
mod create;
mod delete;
mod deliveries;
mod disable;
mod enable;
mod fields;
mod get;
mod list;
mod patch;
mod replay;
mod rotate_secret;
mod verify;

use utoipa_actix_web::service_config::ServiceConfig;
use webhooks::Webhook;

use crate::{ApiState, answers::Representation, problem::Problem, views::webhooks::WebhookView};

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(create::create_webhook)
        .service(list::list_webhooks)
        .service(get::get_webhook)
        .service(patch::patch_webhook)
        .service(delete::delete_webhook)
        .service(verify::verify_webhook)
        .service(rotate_secret::rotate_webhook_secret)
        .service(enable::enable_webhook)
        .service(disable::disable_webhook)
        .service(deliveries::list_webhook_deliveries)
        .service(replay::replay_webhook_delivery);
}

/// The one representation of a webhook, with the entity tag that changes ask for.
fn representation(state: &ApiState, webhook: &Webhook) -> Result<Representation, Problem> {
    let view = WebhookView::of(webhook, state.clock.now());
    Representation::of(&format!("{}-{}", webhook.id, webhook.version), &view)
}
