//! `GET /api/v1/workspaces/{workspace_id}/events`: the feed.

use std::time::Duration;

use actix_web::{HttpResponse, get, http::header::HeaderValue};
use serde::Deserialize;
use tenancy::{EventFilter, StreamPage};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, timeout_at},
};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{filter, usable};
use crate::{
    answers::PREFERENCE_APPLIED,
    auth::{guard::Guard, permission::ViewWorkspace},
    input::{Conditions, Query},
    problem::Problem,
    views::event::{EventListView, EventView},
};

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventQuery {
    /// How many items the page may hold.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// The last number that was seen: `next_after` of the page before. From the oldest event that is kept without
    /// it.
    after: Option<u64>,
    /// Of these types, separated by commas; `operation.*` means all that begin so.
    #[serde(rename = "type")]
    #[param(example = "operation.completed,connection.*")]
    kind: Option<String>,
    /// About this.
    subject_id: Option<Uuid>,
}

/// List events
///
/// In the order of their numbers, which have no gaps: who has read up to a number has missed nothing below it.
/// Each caller gets the events whose subject he may see. `next_after` goes on past the others. If what follows
/// `after` is not kept any more, the answer is 410 and says from where on events are there. With `Prefer: wait=n`
/// an empty page waits up to n seconds, 30 at most, for an event; what comes is for whoever the caller is by then.
#[utoipa::path(
    tag = "events",
    params(
        EventQuery,
        ("Prefer" = Option<String>, Header, description = "`wait=n`: how many seconds to wait for an event"),
    ),
    responses(
        (status = 200, description = "A part of the stream", body = EventListView, headers(
            ("Preference-Applied" = String, description = "The wait that was granted"),
        )),
        (status = 410, description = "events_pruned, with `first_sequence` and `last_sequence`"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/events")]
pub(crate) async fn list_events(
    guard: Guard<ViewWorkspace>,
    query: Query<EventQuery>,
    conditions: Conditions,
) -> Result<HttpResponse, Problem> {
    let query = query.read()?;
    let limit = guard.list("events").request(query.limit, None)?.limit.get();
    let mut reader = Reader {
        filter: filter(guard.role(), query.kind.as_deref(), query.subject_id)?,
        limit: u32::from(limit),
        guard,
    };
    let page = reader.read(query.after.unwrap_or(0)).await?;
    if let Some(after) = query.after {
        usable(after, "after", &page)?;
    }
    let mut view = reader.view(&page);
    let mut response = HttpResponse::Ok();
    if let Some(wait) = conditions.wait() {
        if view.items.is_empty() && reader.wait(view.next_after, wait).await {
            let page = reader.read_again(view.next_after).await?;
            view = reader.view(&page);
        }
        let applied = format!("wait={}", wait.as_secs());
        response.insert_header((
            PREFERENCE_APPLIED,
            HeaderValue::from_str(&applied).expect("digits are a header value"),
        ));
    }
    Ok(response.json(view))
}

struct Reader {
    guard: Guard<ViewWorkspace>,
    filter: EventFilter,
    limit: u32,
}

impl Reader {
    async fn read(&self, after: u64) -> Result<StreamPage, Problem> {
        let session = self.guard.state.storage.read().await?;
        let events = session.events();
        Ok(events
            .select(&self.guard.scope, &self.filter, after, self.limit)
            .await?)
    }

    /// What came, for whom the caller is by now: what he waited for may be his own removal.
    async fn read_again(&mut self, after: u64) -> Result<StreamPage, Problem> {
        loop {
            let page = self.read(after).await?;
            let now = self.guard.renewed().await?;
            if now.role() == self.guard.role() {
                return Ok(page);
            }
            self.filter.becomes(now.role());
            self.guard = now;
        }
    }

    fn view(&self, page: &StreamPage) -> EventListView {
        let full = page.events.len() >= self.limit as usize;
        let last = page.events.last().filter(|_| full);
        EventListView {
            items: page.events.iter().map(EventView::from).collect(),
            last_sequence: page.last_sequence,
            next_after: last.map_or(page.last_sequence, |event| event.sequence),
        }
    }

    /// Waits for an event that the caller gets, after number `cursor`. Tells whether there may be one.
    async fn wait(&self, cursor: u64, wait: Duration) -> bool {
        let state = &self.guard.state;
        let deadline = Instant::now() + wait;
        let (position, mut news) = state.hub.watch_stream(self.guard.scope.workspace_id(), cursor);
        if position > cursor {
            // Something came while nobody listened.
            return true;
        }
        loop {
            let batch = state.closing.run_until_cancelled(news.recv());
            match timeout_at(deadline, batch).await {
                Ok(Some(Ok(batch))) if !batch.iter().any(|framed| self.filter.lets(&framed.event)) => {}
                Ok(Some(Ok(_) | Err(RecvError::Lagged(_)))) => return true,
                Ok(Some(Err(RecvError::Closed)) | None) | Err(_) => return false,
            }
        }
    }
}
