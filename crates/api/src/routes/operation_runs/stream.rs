//! `GET /api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/stream`: a run as server-sent events.

use std::sync::Arc;

use actix_web::{HttpResponse, get, http::header::CACHE_CONTROL, web::Bytes};
use operations::OperationRun;
use provider_core::RunId;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use crate::{
    answers::Representation,
    auth::{permission::ViewOperations, watching::StreamGuard},
    input::{LastEventId, Query},
    problem::{Code, Problem},
    views::run::RunView,
    watch::{
        frame,
        hub::RunWatch,
        source::{self, Source, Step, Turn, Watcher},
    },
};

/// The id of the last event.
const END: &str = "end";

/// From where, and who asks.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunStreamQuery {
    /// The last id that was seen. The header `Last-Event-ID`, which a browser sends when it comes back, counts more.
    last_event_id: Option<String>,
    /// A ticket of `POST .../events/stream-tickets`, for readers that can send no `Authorization` header.
    #[serde(rename = "ticket")]
    #[param(value_type = Option<String>)]
    _ticket: Option<serde::de::IgnoredAny>,
}

/// Watch an operation run
///
/// Server-sent events: `run` is the whole run, at first and each time that it has changed, its progress included;
/// states that follow each other fast may be left out, the last one never. `end` comes when the run is over, and
/// the stream with it. Whoever comes back after that with `Last-Event-ID: end` gets 204, which tells a browser
/// to stop.
#[utoipa::path(
    tag = "operation-runs",
    params(
        RunStreamQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The last id that was seen"),
    ),
    responses(
        (status = 200, description = "The stream", body = String, content_type = "text/event-stream"),
        (status = 204, description = "The run is over, and the caller knows it"),
        (status = 429, description = "too_many_streams", headers(
            ("Retry-After" = u32, description = "Seconds after which another try is worth it"),
        )),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/operation-runs/{run_id}/stream")]
pub(crate) async fn stream_operation_run(
    guard: StreamGuard<ViewOperations>,
    query: Query<RunStreamQuery>,
    last: LastEventId,
) -> Result<HttpResponse, Problem> {
    let id: RunId = guard.guard.id("run_id")?;
    let known = last.or(query.read()?.last_event_id);
    let run = {
        let session = guard.guard.state.storage.read().await?;
        session.runs().find(&guard.guard.scope, id).await?
    };
    let run = run.ok_or_else(|| Problem::new(Code::NotFound))?;
    let over = !run.status().is_active();
    if over && known.as_deref() == Some(END) {
        return Ok(HttpResponse::NoContent()
            .insert_header((CACHE_CONTROL, "no-store"))
            .finish());
    }
    if guard.head_only {
        return Ok(source::head());
    }
    let scope = guard.guard.scope.clone();
    let watcher = guard.watcher();
    let hub = &watcher.state.hub;
    let watch = (!over).then(|| hub.watch_run(scope.workspace_id(), id));
    Ok(source::answer(RunFeed {
        watcher,
        known,
        opened: false,
        found: Some(Arc::new(run)),
        watch,
    }))
}

/// What one reader gets.
struct RunFeed {
    watcher: Watcher,
    /// The id that the reader saw last.
    known: Option<String>,
    opened: bool,
    /// The run as it was found, until it was sent.
    found: Option<Arc<OperationRun>>,
    /// Nothing once the run is over.
    watch: Option<RunWatch>,
}

impl Source for RunFeed {
    async fn next(&mut self) -> Option<Bytes> {
        self.watcher.role()?;
        if !self.opened {
            self.opened = true;
            return Some(frame::opening(None));
        }
        loop {
            let step = match self.found.take() {
                Some(run) => self.send(&run)?,
                None => self.hear().await?,
            };
            if let Step::Send(lines) = step {
                self.watcher.heard();
                return Some(lines);
            }
        }
    }
}

impl RunFeed {
    /// What comes next. Nothing if the stream is over.
    async fn hear(&mut self) -> Option<Step> {
        let watch = self.watch.as_mut()?;
        tokio::select! {
            biased;
            turn = self.watcher.turn() => match turn {
                Turn::Over => None,
                Turn::Role => Some(Step::Wait),
                Turn::Silent => Some(Step::Send(frame::alive(None))),
            },
            run = watch.next() => {
                self.found = Some(run?);
                Some(Step::Wait)
            }
        }
    }

    /// The lines of a state of the run, unless the reader has it already.
    fn send(&mut self, run: &OperationRun) -> Option<Step> {
        let (role, state) = (self.watcher.role()?, &self.watcher.state);
        let view = RunView::of(run.clone(), state.clock.now(), role, state.settings.run_actions);
        let tag = Representation::of(&run.id.to_string(), &view).ok()?;
        let id = tag.tag().trim_matches('"').to_owned();
        let mut lines = String::new();
        if self.known.as_ref() != Some(&id) {
            lines.push_str(&frame::event(&id, "run", &view).ok()?);
            self.known = Some(id);
        }
        if let Some(outcome) = run.outcome() {
            let end = json!({ "id": run.id.to_string(), "outcome": outcome.as_str() });
            lines.push_str(&frame::event(END, "end", &end).ok()?);
            self.watch = None;
        }
        Some((!lines.is_empty()).then(|| lines.into()).into())
    }
}
