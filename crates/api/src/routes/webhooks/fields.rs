//! The fields of a webhook, checked before they reach the domain.

use tenancy::{AuditAction, DisplayName};
use webhooks::{DestinationPolicy, EventFilter, FilterError, WebhookUrl};

use crate::{
    input::text,
    problem::{Code, Problem},
};

/// Where messages shall go.
pub(super) fn url(text: &str, policy: &DestinationPolicy) -> Result<WebhookUrl, Problem> {
    WebhookUrl::parse(text, policy)
        .map_err(|refusal| Problem::at(Code::WebhookUrlInvalid, "/url", refusal.code()))
}

/// What people read.
pub(super) fn description(text: &str) -> Result<DisplayName, Problem> {
    text::display_name("/description", text)
}

/// Which events.
pub(super) fn event_types(entries: Vec<String>) -> Result<EventFilter, Problem> {
    let known: Vec<_> = AuditAction::ALL.iter().map(|action| action.as_str()).collect();
    EventFilter::new(entries, &known).map_err(|error| match error {
        FilterError::TooMany => Problem::invalid("/event_types", "too_many"),
        FilterError::Unknown(place) => {
            Problem::invalid(&format!("/event_types/{place}"), "unknown_event_type")
        }
    })
}
