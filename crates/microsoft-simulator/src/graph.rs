//! The Graph side: from a request to an answer, in the order of the real service: token, path, limits, method,
//! licence, permission, query, page.

pub(crate) mod batch;
mod endpoint;
mod filter;
mod list;
mod page;
mod problem;
mod query;
mod route;
mod table;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::exchange::{Exchange, bearer, below_version};
use crate::fault::{FaultKind, with_type};
use crate::graph::endpoint::{Endpoint, Licence};
use crate::graph::list::{Frame, View};
use crate::graph::problem::Problem;
use crate::graph::query::Query;
use crate::graph::route::{Part, Route};
use crate::options::TenantOptions;
use crate::population::World;
use crate::population::text::Text;
use crate::server::Shared;
use crate::throttle::{Asked, ThrottleClass, Verdict};
use crate::token::Grant;

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
    request.respond(&method)
}

/// One Graph request: alone, or an item of a batch.
struct Request<'a> {
    shared: &'a Shared,
    exchange: &'a Exchange,
    uri: &'a Uri,
    headers: &'a HeaderMap,
}

impl Request<'_> {
    fn respond(&self, method: &Method) -> Response {
        self.try_respond(method)
            .unwrap_or_else(|problem| self.refuse(&problem))
    }

    fn refuse(&self, problem: &Problem) -> Response {
        problem.answer(&self.exchange.ids, &self.shared.base_url)
    }

    fn try_respond(&self, method: &Method) -> Result<Response, Problem> {
        let (grant, tenant) = self.authenticate()?;
        let route = route::find(self.uri.path())?;
        let path = below_version(self.uri.path());
        let asked = Asked {
            class: ThrottleClass::of(path),
            tenant: grant.tenant,
            app: grant.client,
            users: tenant.users,
            path,
            query: self.uri.query().unwrap_or_default(),
            at: self.exchange.ids.at,
        };
        let verdict = self.shared.control.throttle().ask(&asked);
        let mut response = match &verdict {
            Some(Verdict::Wait(refused)) => refused.answer(&asked, &self.exchange.ids),
            Some(Verdict::Go { .. }) | None => self
                .serve(method, route, &grant, tenant)
                .unwrap_or_else(|problem| self.refuse(&problem)),
        };
        if let Some(verdict) = verdict {
            verdict.mark(asked.class, response.headers_mut());
        }
        Ok(response)
    }

    /// Who asks, and for which tenant.
    fn authenticate(&self) -> Result<(Grant, TenantOptions), Problem> {
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
        Ok((grant, tenant))
    }

    fn serve(
        &self,
        method: &Method,
        route: Route,
        grant: &Grant,
        tenant: TenantOptions,
    ) -> Result<Response, Problem> {
        let Route { endpoint, part } = route;
        if *method != Method::GET {
            return Err(Problem::method_not_allowed());
        }
        endpoint.admit(&tenant, &grant.roles, self.uri.path(), &self.exchange.ids)?;
        let text = self.uri.query().unwrap_or_default();
        let query = Query::parse(text, endpoint, &part, self.is_eventual())?;
        let premium = endpoint.licence == Licence::Premium || query.needs_premium();
        if premium && !self.shared.control.is_premium(tenant.tenant_id) {
            return Err(Problem::not_premium());
        }
        let world = World::new(self.shared.seed, tenant);
        let find = |key: &str| {
            endpoint
                .position(&world, key)
                .ok_or_else(|| Problem::not_found(key))
        };
        match part {
            Part::Whole if endpoint.is_single() => Ok(self.entity(&world, endpoint, &query, 0)),
            Part::Whole => self.list(&world, endpoint, &query),
            Part::Count => self.count(&world, endpoint, &query),
            Part::One(key) => Ok(self.entity(&world, endpoint, &query, find(&key)?)),
            Part::Child(key, children) => {
                let rows = (children.rows)(&world, find(&key)?);
                let binding = query.binding(world.tenant.tenant_id, self.uri.path());
                let frame = Frame {
                    endpoint,
                    query: &query,
                    context: &format!("{}('{key}')/{}", endpoint.context(), children.segment),
                    binding: &binding,
                    cursor: self.cursor(endpoint, &query, &binding)?,
                };
                Ok(self.short_list(&frame, &rows))
            }
        }
    }

    fn metadata(&self, context: &str) -> String {
        let version = self.uri.path().split('/').nth(1).unwrap_or("v1.0");
        format!("{}/{version}/$metadata#{context}", self.shared.base_url)
    }

    fn entity(&self, world: &World, endpoint: &'static Endpoint, query: &Query, index: usize) -> Response {
        let context = self.metadata(&format!("{}/$entity", query.context(endpoint.context())));
        let mut before = Text::default();
        before.raw("\"@odata.context\":");
        before.string(&context);
        before.raw(",");
        let mut body = Text::default();
        let view = View::new(world, endpoint, query, self.metadata(""), true);
        view.write(index, &mut body, &String::from_utf8_lossy(before.bytes()));
        with_type(200, "application/json; charset=utf-8", body.into_bytes().into())
    }

    fn count(&self, world: &World, endpoint: &'static Endpoint, query: &Query) -> Result<Response, Problem> {
        if !self.is_eventual() {
            return Err(Problem::count_needs_consistency());
        }
        let count = View::new(world, endpoint, query, String::new(), false).count();
        let mark = match self.exchange.fault {
            Some(FaultKind::CountWithMark) => "\u{feff}",
            _ => "",
        };
        let plain = HeaderValue::from_static("text/plain");
        Ok(([(header::CONTENT_TYPE, plain)], format!("{mark}{count}")).into_response())
    }

    /// Advanced queries on directory objects need this header.
    fn is_eventual(&self) -> bool {
        let level = self
            .headers
            .get("consistencylevel")
            .and_then(|value| value.to_str().ok());
        level.is_some_and(|level| level.eq_ignore_ascii_case("eventual"))
    }
}

#[cfg(test)]
mod tests;
