//! One page of rows, written straight into the body.

use std::collections::HashSet;

use axum::response::Response;
use serde_json::Value;

use super::Request;
use super::endpoint::{Endpoint, Rows, Service};
use super::page::Cursor;
use super::problem::Problem;
use super::query::Query;
use crate::fault::{FaultKind, with_type};
use crate::population::World;
use crate::population::column::{Column, named};
use crate::population::text::Text;

/// The most that the directory expands of a list.
const EXPANDED: usize = 20;

/// Enough for a row of every endpoint, so that a page is seldom moved while it grows.
const ROW_BYTES: usize = 320;

/// Objects of an endpoint as a query shows them.
pub(super) struct View<'a> {
    world: &'a World,
    endpoint: &'static Endpoint,
    query: &'a Query,
    /// What stands before each value, and the value; null where there is none.
    cells: Vec<(String, Option<&'static Column>)>,
    /// Start of the context of expanded lists.
    metadata: String,
}

impl<'a> View<'a> {
    /// `alone` shows what only a read of one object with `$select` does.
    pub(super) fn new(
        world: &'a World,
        endpoint: &'static Endpoint,
        query: &'a Query,
        metadata: String,
        alone: bool,
    ) -> Self {
        let cells = match (&endpoint.rows, &query.select) {
            (Rows::Objects(_), _) => Vec::new(),
            (Rows::Columns(columns), Some(names)) => names
                .iter()
                .map(|name| {
                    let own = named(endpoint.alone, name).filter(|_| alone);
                    (name.as_str(), own.or_else(|| named(columns, name)))
                })
                .collect(),
            (Rows::Columns(columns), None) => columns
                .iter()
                .filter(|column| endpoint.defaults.is_empty() || endpoint.defaults.contains(&column.name))
                .map(|column| (column.name, Some(column)))
                .collect(),
        };
        let mut seen = HashSet::new();
        Self {
            world,
            endpoint,
            query,
            cells: cells
                .into_iter()
                .filter(|(name, _)| seen.insert(name.to_owned()))
                .map(|(name, column)| (format!("\"{name}\":"), column))
                .collect(),
            metadata,
        }
    }

    /// Writes one object, after what the caller has put before its first property.
    pub(super) fn write(&self, index: usize, text: &mut Text, before: &str) {
        text.raw("{");
        text.raw(before);
        match self.endpoint.rows {
            Rows::Columns(_) => {
                for (number, (name, column)) in self.cells.iter().enumerate() {
                    if number > 0 {
                        text.raw(",");
                    }
                    text.raw(name);
                    match column {
                        Some(column) => column.write(self.world, index, text),
                        None => text.raw("null"),
                    }
                }
            }
            Rows::Objects(make) => self.write_object(make(self.world, index), text),
        }
        self.write_expanded(index, text);
        text.raw("}");
    }

    /// What was selected, or the default properties. A type that the reader cannot guess stays.
    fn write_object(&self, object: Value, text: &mut Text) {
        let Value::Object(mut all) = object else { return };
        let mut kept: Vec<(String, Value)> = all.remove_entry("@odata.type").into_iter().collect();
        match &self.query.select {
            Some(names) => kept.extend(names.iter().map(|name| {
                let value = all.get(name).cloned().unwrap_or(Value::Null);
                (name.clone(), value)
            })),
            None => kept.extend(all),
        }
        for (number, (name, value)) in kept.iter().enumerate() {
            if number > 0 {
                text.raw(",");
            }
            text.string(name);
            text.raw(":");
            text.value(value);
        }
    }

    fn write_expanded(&self, index: usize, text: &mut Text) {
        for (segment, rows) in &self.query.expand {
            let mut rows = rows(self.world, index);
            if self.endpoint.service == Service::Directory {
                rows.truncate(EXPANDED);
            }
            let id = self.endpoint.id(self.world, index);
            let context = format!("{}{}('{id}')/{segment}", self.metadata, self.endpoint.context());
            text.raw(",");
            text.pieces(&[segment, "@odata.context"]);
            text.raw(":");
            text.string(&context);
            text.raw(",");
            text.string(segment);
            text.raw(":");
            text.value(&Value::Array(rows));
        }
    }

    /// Whether `$filter` and `$search` let an object through.
    fn fits(&self, index: usize) -> bool {
        let Query { filter, search, .. } = self.query;
        if filter.is_none() && search.is_none() {
            return true;
        }
        let mut scratch = Text::default();
        let mut whole = None;
        let mut property = |name: &str| match self.endpoint.rows {
            Rows::Columns(columns) => {
                scratch.clear();
                let Some(column) = named(columns, name) else {
                    return Value::Null;
                };
                column.write(self.world, index, &mut scratch);
                serde_json::from_slice(scratch.bytes()).unwrap_or_default()
            }
            Rows::Objects(make) => {
                let object = whole.get_or_insert_with(|| make(self.world, index));
                object.get(name).cloned().unwrap_or_default()
            }
        };
        let found = search.as_ref().is_none_or(|search| {
            let value = property(&search.property);
            value
                .as_str()
                .is_some_and(|value| value.to_lowercase().contains(&search.text))
        });
        found && filter.as_ref().is_none_or(|filter| filter.fits(&mut property))
    }

    /// How many objects the query finds.
    pub(super) fn count(&self) -> usize {
        let len = (self.endpoint.len)(self.world);
        if self.query.filter.is_none() && self.query.search.is_none() {
            return len;
        }
        (0..len).filter(|&index| self.fits(index)).count()
    }

    /// All that is found, in the order of `$orderby`. It goes over everything for each page.
    fn ordered(&self, property: &str, downwards: bool) -> Vec<usize> {
        let name = |index: usize| self.endpoint.make(self.world, index)[property].to_string();
        let mut found: Vec<(String, usize)> = (0..(self.endpoint.len)(self.world))
            .filter(|&index| self.fits(index))
            .map(|index| (name(index), index))
            .collect();
        found.sort_unstable();
        if downwards {
            found.reverse();
        }
        found.into_iter().map(|(_, index)| index).collect()
    }

    /// The rows of one page from a place on, how many they are, and the place of the next.
    fn page(&self, from: usize, size: usize) -> (Text, usize, Option<usize>) {
        let mut text = Text::with_capacity(size.min(1000) * ROW_BYTES);
        let mut rows = 0;
        let mut push = |index: usize| {
            if rows > 0 {
                text.raw(",");
            }
            rows += 1;
            self.write(index, &mut text, "");
        };
        if let Some((property, downwards)) = &self.query.order {
            let order = self.ordered(property, *downwards);
            let from = from.saturating_add(self.query.skipped());
            let end = from.saturating_add(size).min(order.len());
            order
                .get(from..end)
                .into_iter()
                .flatten()
                .for_each(|&index| push(index));
            return (text, rows, (end < order.len()).then_some(end));
        }
        let mut found = (from..(self.endpoint.len)(self.world)).filter(|&index| self.fits(index));
        found.by_ref().take(self.query.skipped()).for_each(drop);
        found.by_ref().take(size).for_each(&mut push);
        let next = found.next();
        (text, rows, next)
    }
}

/// What a page shows beside its rows.
pub(super) struct Frame<'a> {
    pub(super) endpoint: &'static Endpoint,
    pub(super) query: &'a Query,
    pub(super) context: &'a str,
    pub(super) binding: &'a str,
    pub(super) cursor: Cursor,
}

impl Request<'_> {
    /// Opens the page token of a query.
    pub(super) fn cursor(
        &self,
        endpoint: &Endpoint,
        query: &Query,
        binding: &str,
    ) -> Result<Cursor, Problem> {
        let Some(token) = query.skip_token() else {
            return Ok(Cursor::default());
        };
        Cursor::open(&self.shared.pages, binding, token)
            .filter(|cursor| cursor.age(self.minute()) < self.shared.control.page_token_minutes())
            .ok_or_else(|| Problem::bad_page_token(endpoint.service))
    }

    /// Whether `$count=true` is heard; where it is not, it is no error.
    fn may_count(&self, endpoint: &Endpoint) -> bool {
        endpoint.is_plain_odata() || endpoint.advanced && self.is_eventual()
    }

    fn minute(&self) -> u32 {
        self.shared.control.minutes_since_start(self.exchange.ids.at)
    }

    /// One page of an endpoint.
    pub(super) fn list(
        &self,
        world: &World,
        endpoint: &'static Endpoint,
        query: &Query,
    ) -> Result<Response, Problem> {
        let view = View::new(world, endpoint, query, self.metadata(""), false);
        let binding = query.binding(world.tenant.tenant_id, self.uri.path());
        let cursor = self.cursor(endpoint, query, &binding)?;
        let size = match self.exchange.fault {
            Some(FaultKind::EmptyPage) => 0,
            _ => query.page_size(endpoint, (endpoint.len)(world)),
        };
        let (rows, on_page, next) = view.page(cursor.offset, size);
        let count = if endpoint.counts_page {
            Some(on_page)
        } else if query.counts() && self.may_count(endpoint) && cursor.offset == 0 {
            Some(view.count())
        } else {
            None
        };
        let frame = Frame {
            endpoint,
            query,
            context: &query.context(endpoint.context()),
            binding: &binding,
            cursor,
        };
        Ok(self.framed(&frame, &rows, count, next))
    }

    /// One page of rows that are there already.
    pub(super) fn short_list(&self, frame: &Frame<'_>, rows: &[Value]) -> Response {
        let from = frame.cursor.offset;
        let size = match self.exchange.fault {
            Some(FaultKind::EmptyPage) => 0,
            _ => frame.query.page_size(frame.endpoint, rows.len()),
        };
        let end = from.saturating_add(size).min(rows.len());
        let mut text = Text::default();
        for (number, row) in rows.get(from..end).into_iter().flatten().enumerate() {
            if number > 0 {
                text.raw(",");
            }
            text.value(row);
        }
        self.framed(frame, &text, None, (end < rows.len()).then_some(end))
    }

    fn framed(&self, frame: &Frame<'_>, rows: &Text, count: Option<usize>, next: Option<usize>) -> Response {
        let mut body = Text::with_capacity(rows.bytes().len() + 1024);
        body.raw("{\"@odata.context\":");
        body.string(&self.metadata(frame.context));
        if let Some(count) = count {
            body.raw(",\"@odata.count\":");
            body.number(count as u64);
        }
        if let Some(link) = self.next_link(frame, next) {
            body.raw(",\"@odata.nextLink\":");
            body.string(&link);
        }
        body.raw(",\"value\":[");
        body.append(rows);
        body.raw("]}");
        with_type(200, "application/json; charset=utf-8", body.into_bytes().into())
    }

    /// The link to the next page, or where a fault wants it to lead.
    fn next_link(&self, frame: &Frame<'_>, next: Option<usize>) -> Option<String> {
        let next = match self.exchange.fault {
            Some(FaultKind::SelfLink) => {
                let target = self.uri.path_and_query()?;
                return Some(format!("{}{target}", self.shared.base_url));
            }
            Some(FaultKind::EmptyPage | FaultKind::RepeatedPage) => frame.cursor.offset,
            _ => next?,
        };
        let token = frame
            .cursor
            .after(next, self.minute())
            .seal(&self.shared.pages, frame.binding);
        Some(
            frame
                .query
                .next_link(&self.shared.base_url, self.uri.path(), &token),
        )
    }
}
