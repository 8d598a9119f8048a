//! The event stream of a workspace: read it, watch it, and tickets for readers that can send no token.

mod list;
mod stream;
mod ticket;

use tenancy::{EventFilter, KindFilter, Role};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use crate::problem::{Code, Problem};

/// Registers the routes of this area.
pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(list::list_events)
        .service(stream::stream_events)
        .service(ticket::create_stream_ticket);
}

/// How many types one filter may name.
const KINDS: usize = 20;

/// What the query asks for, for a reader with `role`.
fn filter(role: Role, kinds: Option<&str>, subject: Option<Uuid>) -> Result<EventFilter, Problem> {
    let refused = || Problem::parameter("type");
    let kinds = match kinds {
        None => Vec::new(),
        Some(text) if text.split(',').count() > KINDS => return Err(refused()),
        Some(text) => text
            .split(',')
            .map(|kind| KindFilter::parse(kind).ok_or_else(refused))
            .collect::<Result<_, _>>()?,
    };
    Ok(EventFilter::of_role(role)
        .of_kinds(kinds)
        .about(subject.map(|id| id.to_string())))
}

/// Refuses a number from which nobody can go on: what follows it is not kept, or it was never given.
fn usable(after: u64, parameter: &str, ends: &tenancy::StreamPage) -> Result<(), Problem> {
    if after.saturating_add(1) < ends.first_kept {
        return Err(Problem::new(Code::EventsPruned).with(|members| {
            members.first_sequence = Some(ends.first_kept);
            members.last_sequence = Some(ends.last_sequence);
        }));
    }
    if after > ends.last_sequence {
        return Err(Problem::parameter(parameter));
    }
    Ok(())
}
