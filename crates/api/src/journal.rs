//! The one place that makes journal entries: who, when, what, from where.

use actix_web::{HttpMessage as _, HttpRequest, web::Data};
use kernel::Id;
use serde_json::{Map, Value};
use tenancy::{Actor, AuditAction, AuditOutcome, Change, ChangeTarget, Origin};

use crate::{ApiState, edge::RequestId};

/// Writes the entries of one call. Knows who calls and from where, so handlers cannot forget it.
#[derive(Clone)]
pub(crate) struct Author {
    state: Data<ApiState>,
    actor: Actor,
    origin: Origin,
}

impl Author {
    /// The author of a call's entries.
    pub(crate) fn new(state: &Data<ApiState>, actor: Actor, origin: Origin) -> Self {
        Self {
            state: state.clone(),
            actor,
            origin,
        }
    }

    /// An entry about something that went as asked. `facts` are ids, codes and counts: never a
    /// person's name, never a secret.
    pub(crate) fn change(
        &self,
        action: AuditAction,
        target: ChangeTarget,
        facts: &[(&str, String)],
    ) -> Change {
        let metadata: Map<_, _> = facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::String(value.clone())))
            .collect();
        Change {
            audit_event_id: Id::next(&*self.state.ids),
            outbox_event_id: Id::next(&*self.state.ids),
            occurred_at: self.state.clock.now(),
            actor: self.actor.clone(),
            action,
            target,
            outcome: AuditOutcome::Success,
            origin: self.origin.clone(),
            metadata,
        }
    }
}

/// Where `request` came from.
pub(crate) fn origin(request: &HttpRequest) -> Origin {
    Origin {
        request_id: request
            .extensions()
            .get::<RequestId>()
            .map(|id| id.as_str().to_owned()),
        source_ip: request.peer_addr().map(|address| address.ip().to_string()),
    }
}

/// What was changed, as it is named at this moment.
pub(crate) fn target(kind: &'static str, id: &impl ToString, label: &str) -> ChangeTarget {
    ChangeTarget {
        kind,
        id: id.to_string(),
        label: label.to_owned(),
    }
}
