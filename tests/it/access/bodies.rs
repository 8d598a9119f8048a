//! Bodies that are accepted, one for each operation that takes one.

use integration_tests::{Customer, TestApp};
use kernel::{IdSource as _, SystemIds};
use serde_json::{Value, json};

use super::cases::Place;
use crate::webhooks::kit;

/// A webhook that leads where [`kit::URL`] does, so that one that is there may be sent it too.
pub(crate) fn webhook(_: &Place) -> Value {
    json!({ "url": kit::URL, "description": "A receiver", "event_types": ["operation.*"] })
}

fn unique() -> String {
    SystemIds.next_uuid().simple().to_string()
}

pub(super) fn named(_: &Place) -> Value {
    json!({ "display_name": "A name", "slug": format!("s-{}", unique()) })
}

pub(super) fn member(_: &Place) -> Value {
    json!({ "issuer": "https://login.example.com", "subject": unique(), "label": "Somebody", "role": "readonly" })
}

pub(crate) fn connection(place: &Place) -> Value {
    let customer = Customer::new();
    let mut body = integration_tests::app::connection_body(&place.environment, &customer, &customer.secret);
    body["scope_display_name"] = json!("A target");
    body["provider_context"] = json!({ "cloud": "global" });
    body["tags"] = json!({ "tier": "gold" });
    body["credential"]["expires_at"] = json!("2090-01-01T00:00:00Z");
    body
}

pub(crate) fn credential(_: &Place) -> Value {
    json!({ "kind": "client_secret", "secret": Customer::new().secret, "expires_at": "2090-01-01T00:00:00Z" })
}

/// Another identity, for a connection that no run stands at.
pub(super) fn identity(_: &Place) -> Value {
    let customer = Customer::new();
    json!({
        "connection_type": "dedicated",
        "scope_identifier": customer.tenant_id,
        "scope_display_name": "Another target",
        "provider_context": { "cloud": "global" },
        "credential": {
            "kind": "client_secret",
            "client_identifier": customer.client_id,
            "secret": customer.secret,
            "expires_at": "2090-01-01T00:00:00Z",
        },
    })
}

pub(super) fn preview(_: &Place) -> Value {
    json!({
        "provider": "microsoft",
        "scope_kind": "tenant",
        "scope_identifier": Customer::new().tenant_id,
        "display_name": "A target",
        "provider_context": { "cloud": "global" },
        "connection_type": "dedicated",
    })
}

pub(super) fn changes(_: &Place) -> Value {
    json!({ "display_name": "A new name", "scope_display_name": "A target", "tags": { "tier": "gold" } })
}

pub(super) fn read_all(place: &Place) -> Value {
    json!({ "up_to": place.notification })
}

pub(super) fn way_back(_: &Place) -> Value {
    json!({ "return_to": format!("{}/done", TestApp::FRONT_END) })
}

pub(crate) fn start(place: &Place) -> Value {
    json!({
        "operation_type": "inventory.sync",
        "environment_id": place.environment,
        "connection_id": place.connection,
        "inputs": {},
    })
}

pub(super) fn start_many(place: &Place) -> Value {
    json!({ "operation_type": "inventory.sync", "environment_ids": [place.environment] })
}

pub(super) fn turns(_: &Place) -> Value {
    json!({ "cron": "30 2 * * *", "time_zone": "Europe/Berlin" })
}

/// A schedule of the environment.
pub(crate) fn schedule(place: &Place) -> Value {
    json!({
        "display_name": "Every night", "operation_type": "inventory.sync", "environment_id": place.environment,
        "cron": "0 3 * * *", "time_zone": "Europe/Berlin", "jitter_seconds": 600,
    })
}
