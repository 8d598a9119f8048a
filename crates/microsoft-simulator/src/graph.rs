//! The Graph side: from a request to an answer, in the order of the real service: token, path, method,
//! licence, permission, query, page.

mod endpoint;
mod page;
mod problem;
mod query;
mod route;
mod table;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::exchange::{Exchange, bearer};
use crate::fault::{FaultKind, json_answer};
use crate::graph::endpoint::Endpoint;
use crate::graph::page::Cursor;
use crate::graph::problem::Problem;
use crate::graph::query::Query;
use crate::graph::route::{Part, Route};
use crate::population::World;
use crate::server::Shared;

pub(crate) use problem::error_body;

/// `/v1.0/...` and `/beta/...`
pub(crate) async fn answer(
    State(shared): State<Shared>,
    Extension(exchange): Extension<Exchange>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let request = Request {
        shared: &shared,
        exchange: &exchange,
        uri: &uri,
        headers: &headers,
    };
    request
        .respond(&method)
        .unwrap_or_else(|problem| problem.answer(&exchange.ids, &shared.base_url))
}

/// One Graph request.
struct Request<'a> {
    shared: &'a Shared,
    exchange: &'a Exchange,
    uri: &'a Uri,
    headers: &'a HeaderMap,
}

impl Request<'_> {
    fn respond(&self, method: &Method) -> Result<Response, Problem> {
        let token =
            bearer(self.headers).ok_or_else(|| Problem::unauthenticated("The access token is empty."))?;
        let grant = self
            .shared
            .tokens
            .check(&self.shared.control, token)
            .map_err(|refusal| Problem::unauthenticated(refusal.message()))?;
        let tenant = self
            .shared
            .control
            .directory()
            .tenant(grant.tenant)
            .ok_or_else(Problem::identity_not_found)?;
        let Route { endpoint, part } = route::find(self.uri.path())?;
        if *method != Method::GET {
            return Err(Problem::method_not_allowed());
        }
        endpoint.admit(&tenant, &grant.roles, self.uri.path(), &self.exchange.ids)?;
        let query = Query::parse(self.uri.query().unwrap_or_default(), endpoint, &part)?;
        let world = World::new(self.shared.seed, tenant);
        match part {
            Part::Whole if endpoint.is_single() => Ok(self.entity(&world, endpoint, &query, 0)),
            Part::Whole => {
                let row = |index| self.project(&world, endpoint, &query, index);
                let context = query.context(endpoint.context());
                self.list(&world, endpoint, &query, &context, (endpoint.len)(&world), &row)
            }
            Part::Count => self.count(&world, endpoint),
            Part::One(key) => {
                let index = endpoint
                    .position(&world, &key)
                    .ok_or_else(|| Problem::not_found(&key))?;
                Ok(self.entity(&world, endpoint, &query, index))
            }
            Part::Child(key, children) => {
                let index = endpoint
                    .position(&world, &key)
                    .ok_or_else(|| Problem::not_found(&key))?;
                let rows = (children.rows)(&world, index);
                let context = format!("{}('{key}')/{}", endpoint.context(), children.segment);
                self.list(&world, endpoint, &query, &context, rows.len(), &|index| {
                    rows[index].clone()
                })
            }
        }
    }

    /// One object, narrowed by `$select` and widened by `$expand`.
    fn project(&self, world: &World, endpoint: &Endpoint, query: &Query, index: usize) -> Value {
        let mut object = query.narrow((endpoint.make)(world, index), endpoint);
        if let (true, Some(children)) = (query.expands(), &endpoint.children) {
            let segment = children.segment;
            let id = (endpoint.id)(world, index);
            let path = format!("{}('{id}')/{segment}", endpoint.context());
            object[format!("{segment}@odata.context")] = json!(self.metadata(&path));
            object[segment] = json!((children.rows)(world, index));
        }
        object
    }

    fn metadata(&self, context: &str) -> String {
        let version = self.uri.path().split('/').nth(1).unwrap_or("v1.0");
        format!("{}/{version}/$metadata#{context}", self.shared.base_url)
    }

    fn entity(&self, world: &World, endpoint: &Endpoint, query: &Query, index: usize) -> Response {
        let mut object = self.project(world, endpoint, query, index);
        let context = query.context(endpoint.context());
        object["@odata.context"] = json!(self.metadata(&format!("{context}/$entity")));
        json_answer(200, &object)
    }

    fn count(&self, world: &World, endpoint: &Endpoint) -> Result<Response, Problem> {
        if !self.is_eventual() {
            return Err(Problem::count_needs_consistency());
        }
        let plain = HeaderValue::from_static("text/plain");
        Ok(([(header::CONTENT_TYPE, plain)], (endpoint.len)(world).to_string()).into_response())
    }

    /// Advanced queries on directory objects need this header.
    fn is_eventual(&self) -> bool {
        let level = self
            .headers
            .get("consistencylevel")
            .and_then(|value| value.to_str().ok());
        level.is_some_and(|level| level.eq_ignore_ascii_case("eventual"))
    }

    /// One page of rows.
    fn list(
        &self,
        world: &World,
        endpoint: &Endpoint,
        query: &Query,
        context: &str,
        len: usize,
        row: &dyn Fn(usize) -> Value,
    ) -> Result<Response, Problem> {
        let binding = query.binding(world.tenant.tenant_id, self.uri.path());
        let cursor = match query.skip_token() {
            Some(token) => Cursor::open(&self.shared.pages, &binding, token)
                .ok_or_else(|| Problem::bad_page_token(endpoint.service))?,
            None => Cursor::default(),
        };
        let empty = matches!(self.exchange.fault, Some(FaultKind::EmptyPage));
        let size = if empty { 0 } else { query.page_size(endpoint, len) };
        let end = cursor.offset.saturating_add(size).min(len);
        let rows: Vec<Value> = (cursor.offset..end).map(row).collect();
        let mut body = json!({ "@odata.context": self.metadata(context) });
        if endpoint.counts_page {
            body["@odata.count"] = json!(rows.len());
        } else if query.counts() && self.is_eventual() && cursor.offset == 0 {
            body["@odata.count"] = json!(len);
        }
        if end < len || empty {
            let next = cursor.after(end).seal(&self.shared.pages, &binding);
            body["@odata.nextLink"] = json!(query.next_link(&self.shared.base_url, self.uri.path(), &next));
        }
        body["value"] = Value::Array(rows);
        Ok(json_answer(200, &body))
    }
}

#[cfg(test)]
mod tests;
