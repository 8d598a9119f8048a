//! The lines of an event stream (HTML standard, 9.2.6, "Interpreting an event stream").

use std::fmt::Write as _;

use actix_web::web::Bytes;
use serde::Serialize;
use tenancy::StreamEvent;

use crate::{problem::Problem, views::event::EventView};

/// How long a browser waits before it connects again, in milliseconds.
const RETRY: u32 = 2000;

/// The first lines: how to come back, and from where. A block without data sets the reader's last id and makes
/// no event of it.
pub(crate) fn opening(id: Option<&str>) -> Bytes {
    match id {
        Some(id) => format!("retry: {RETRY}\nid: {id}\n\n").into(),
        None => format!("retry: {RETRY}\n\n").into(),
    }
}

/// A sign of life, for proxies that close what is silent. With an id the reader's place goes on past events
/// that he does not get.
pub(crate) fn alive(id: Option<&str>) -> Bytes {
    match id {
        Some(id) => format!(": alive\nid: {id}\n\n").into(),
        None => ": alive\n\n".into(),
    }
}

/// One event. Neither `id` nor `name` holds a line break: they are ours.
pub(crate) fn event(id: &str, name: &str, data: &impl Serialize) -> Result<String, Problem> {
    // JSON in one line: line breaks inside of texts are escaped.
    let data = serde_json::to_string(data).map_err(|_| Problem::internal("a view does not serialize"))?;
    let mut text = String::with_capacity(data.len() + 64);
    let _ = write!(text, "id: {id}\nevent: {name}\ndata: {data}\n\n");
    Ok(text)
}

/// An event of a workspace's stream, as every watcher gets it.
pub(crate) struct Framed {
    /// The event, for the watcher's filter.
    pub(crate) event: StreamEvent,
    /// Its lines.
    pub(crate) lines: String,
}

impl Framed {
    /// The lines of `event`.
    pub(crate) fn of(event: StreamEvent) -> Result<Self, Problem> {
        let id = event.sequence.to_string();
        let lines = self::event(&id, &event.kind, &EventView::from(&event))?;
        Ok(Self { event, lines })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_in_a_text_does_not_end_a_line() {
        let lines = event("7", "run", &json!({ "label": "a\n\ndata: b\r\u{2028}c" })).expect("serializes");
        assert_eq!(lines.matches('\n').count(), 4, "{lines}");
        assert!(
            lines.starts_with("id: 7\nevent: run\ndata: {") && !lines.contains('\r'),
            "{lines}"
        );
    }
}
