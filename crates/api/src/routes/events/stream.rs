//! `GET /api/v1/workspaces/{workspace_id}/events/stream`: the feed as server-sent events.
//!
//! First what the reader missed is read from the store, page by page; then the process's own watch gives what
//! comes. The two meet without a gap and without a double: the watch begins before the last page is read, and
//! numbers tell what was sent.

use actix_web::{HttpResponse, get, web::Bytes};
use serde::Deserialize;
use tenancy::{EventFilter, StreamPage, WorkspaceScope};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{filter, usable};
use crate::{
    auth::{permission::ViewWorkspace, watching::StreamGuard},
    input::{LastEventId, Query},
    problem::Problem,
    watch::{
        frame::{self, Framed},
        hub::Batch,
        source::{self, Source, Step, Turn, Watcher},
    },
};

/// How many events are read at once.
const PAGE: u32 = 200;

/// Which events, from where, and who asks.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// The last number that was seen. The header `Last-Event-ID`, which a browser sends when it comes back, counts
    /// more. From now on without both.
    last_event_id: Option<String>,
    /// Of these types, separated by commas; `operation.*` means all that begin so.
    #[serde(rename = "type")]
    #[param(example = "operation.*")]
    kind: Option<String>,
    /// About this.
    subject_id: Option<Uuid>,
    /// A ticket of `POST .../events/stream-tickets`, for readers that can send no `Authorization` header.
    #[serde(rename = "ticket")]
    #[param(value_type = Option<String>)]
    _ticket: Option<serde::de::IgnoredAny>,
}

/// Watch events
///
/// Server-sent events: `id` is the number, `event` the type, `data` the event as in the list. A reader that comes
/// back with `Last-Event-ID` gets everything after it, and nothing twice. The stream ends when the membership
/// is lost, when the server stops, after an hour, and when its reader is too slow; the reader comes back and goes
/// on by its last id. A line without meaning comes every 15 seconds.
#[utoipa::path(
    tag = "events",
    params(
        StreamQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The last number that was seen"),
    ),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = 410, description = "events_pruned, with `first_sequence` and `last_sequence`"),
        (status = 429, description = "too_many_streams", headers(
            ("Retry-After" = u32, description = "Seconds after which another try is worth it"),
        )),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/events/stream")]
pub(crate) async fn stream_events(
    guard: StreamGuard<ViewWorkspace>,
    query: Query<StreamQuery>,
    last: LastEventId,
) -> Result<HttpResponse, Problem> {
    let query = query.read()?;
    let filter = filter(guard.guard.role(), query.kind.as_deref(), query.subject_id)?;
    let last = last.or(query.last_event_id);
    let last = last.map(|text| {
        text.parse::<u64>()
            .map_err(|_| Problem::parameter("last_event_id"))
    });
    let last = last.transpose()?;
    let scope = guard.guard.scope.clone();
    let ends = {
        let session = guard.guard.state.storage.read().await?;
        session
            .events()
            .select(&scope, &filter, last.unwrap_or(u64::MAX), 1)
            .await?
    };
    if let Some(last) = last {
        usable(last, "last_event_id", &ends)?;
    }
    if guard.head_only {
        return Ok(source::head());
    }
    Ok(source::answer(Feed {
        watcher: guard.watcher(),
        scope,
        filter,
        cursor: last.unwrap_or(ends.last_sequence),
        at: Phase::Opening,
    }))
}

/// What one reader gets.
struct Feed {
    watcher: Watcher,
    scope: WorkspaceScope,
    filter: EventFilter,
    /// Up to which number the reader was served, with what he does not get.
    cursor: u64,
    at: Phase,
}

enum Phase {
    /// Nothing was sent.
    Opening,
    /// The store is read.
    Behind,
    /// The watch has begun; what is not after this number has to be read still.
    Meeting(u64, Receiver<Batch>),
    /// What comes is sent.
    Live(Receiver<Batch>),
    /// The last lines were sent.
    Ended,
}

enum Heard {
    News(Result<Batch, RecvError>),
    Turn(Turn),
}

impl Source for Feed {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            self.filter.becomes(self.watcher.role()?);
            let lines = match std::mem::replace(&mut self.at, Phase::Ended) {
                Phase::Opening => {
                    self.at = Phase::Behind;
                    Some(frame::opening(Some(&self.cursor.to_string())))
                }
                Phase::Behind => {
                    let (lines, full) = self.catch_up().await?;
                    self.at = if full {
                        Phase::Behind
                    } else {
                        let workspace = self.scope.workspace_id();
                        let (position, news) = self.watcher.state.hub.watch_stream(workspace, self.cursor);
                        Phase::Meeting(position, news)
                    };
                    lines
                }
                Phase::Meeting(position, news) if position > self.cursor => {
                    let (lines, _) = self.catch_up().await?;
                    self.at = Phase::Meeting(position, news);
                    lines
                }
                Phase::Meeting(_, news) => {
                    self.at = Phase::Live(news);
                    None
                }
                Phase::Live(news) => match self.live(news).await? {
                    Step::Send(lines) => Some(lines),
                    Step::Wait => None,
                },
                Phase::Ended => return None,
            };
            if lines.is_some() {
                self.watcher.heard();
                return lines;
            }
        }
    }
}

impl Feed {
    /// The next page, and whether more may follow. Nothing if the reader may not have it, or if it cannot be read
    /// without a gap: he comes back and is told.
    async fn catch_up(&mut self) -> Option<(Option<Bytes>, bool)> {
        let role = self.watcher.role()?;
        self.filter.becomes(role);
        let page = self.read().await?;
        // It may tell of the reader's own removal, and it was chosen for the role that he had before.
        if !page.events.is_empty() && !self.watcher.still(role).await {
            return None;
        }
        if self.cursor.saturating_add(1) < page.first_kept {
            return None;
        }
        let full = page.events.len() >= PAGE as usize;
        let last = page.events.last().filter(|_| full);
        self.cursor = self
            .cursor
            .max(last.map_or(page.last_sequence, |event| event.sequence));
        let framed = page.events.into_iter().filter_map(|event| Framed::of(event).ok());
        Some((joined(framed.map(|framed| framed.lines)), full))
    }

    async fn read(&self) -> Option<StreamPage> {
        let session = self.watcher.state.storage.read().await.ok()?;
        let events = session.events();
        events
            .select(&self.scope, &self.filter, self.cursor, PAGE)
            .await
            .ok()
    }

    /// What comes next. Nothing if the stream is over.
    async fn live(&mut self, mut news: Receiver<Batch>) -> Option<Step> {
        let heard = tokio::select! {
            biased;
            turn = self.watcher.turn() => Heard::Turn(turn),
            batch = news.recv() => Heard::News(batch),
        };
        let lines = match heard {
            Heard::Turn(Turn::Over) | Heard::News(Err(_)) => return None,
            Heard::Turn(Turn::Role) => None,
            Heard::Turn(Turn::Silent) => Some(frame::alive(Some(&self.cursor.to_string()))),
            Heard::News(Ok(batch)) => self.send(&batch),
        };
        self.at = Phase::Live(news);
        Some(lines.into())
    }

    fn send(&mut self, batch: &[Framed]) -> Option<Bytes> {
        let (cursor, filter) = (self.cursor, &self.filter);
        let news = batch
            .iter()
            .filter(|framed| framed.event.sequence > cursor && filter.lets(&framed.event));
        let lines = joined(news.map(|framed| framed.lines.as_str()));
        if let Some(last) = batch.last() {
            self.cursor = cursor.max(last.event.sequence);
        }
        lines
    }
}

fn joined<T: AsRef<str>>(lines: impl Iterator<Item = T>) -> Option<Bytes> {
    let mut text = String::new();
    lines.for_each(|line| text.push_str(line.as_ref()));
    (!text.is_empty()).then(|| text.into())
}
