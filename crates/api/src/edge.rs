//! What every request and every answer passes, whichever route it takes: request id, limits,
//! CORS, security headers, problems, panics, access log and metrics.
//!
//! Knows no route's meaning and no workspace. Logs neither query strings nor headers.

pub(crate) mod cors;
mod failure;
mod request_id;
pub(crate) mod routes;
#[cfg(test)]
mod tests;
mod unread;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage as _, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
};
use futures::FutureExt as _;
use kernel::IdSource;

use crate::{
    metrics::Metrics,
    problem::{Code, Problem},
    state::ApiSettings,
};
use cors::Cors;
use failure::Failure;
pub(crate) use request_id::RequestId;
use routes::RouteTable;
use unread::Unread;

/// What the edge works with.
pub(crate) struct Edge {
    ids: Arc<dyn IdSource>,
    metrics: Metrics,
    cors: Cors,
    header_limit: usize,
    uri_limit: usize,
    routes: RouteTable,
}

/// Marks an answer that failed and says so itself, in a page for people.
pub(crate) struct SaysSoItself;

/// Marks a request for the head of an answer, which is routed like one for the whole.
struct AsksForHead;

/// Whether somebody asks for the head of an answer alone: an answer without end has none of its own.
pub(crate) trait HeadOnly {
    /// Whether it is so.
    fn head_only(&self) -> bool;
}

impl HeadOnly for HttpRequest {
    fn head_only(&self) -> bool {
        self.extensions().contains::<AsksForHead>()
    }
}

/// What the edge remembers of a request while it is away.
#[derive(Clone)]
struct Visit {
    started: Instant,
    method: &'static str,
    request_id: RequestId,
    origin: Option<HeaderValue>,
}

impl Edge {
    /// An edge in front of the routes of this crate.
    pub(crate) fn new(ids: Arc<dyn IdSource>, metrics: Metrics, settings: &ApiSettings) -> Self {
        Self {
            ids,
            metrics,
            cors: Cors::new(&settings.cors_origins),
            header_limit: settings.header_limit,
            uri_limit: settings.uri_limit,
            routes: RouteTable::of(&crate::openapi(), &crate::routes::PAGES),
        }
    }

    /// The paths that exist.
    pub(crate) const fn routes(&self) -> &RouteTable {
        &self.routes
    }

    /// Takes a request through.
    pub(crate) async fn pass<B: MessageBody + 'static>(
        self: Arc<Self>,
        mut request: ServiceRequest,
        next: Next<B>,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        let visit = Visit {
            started: Instant::now(),
            method: method_label(request.method()),
            request_id: RequestId::of(request.headers(), &*self.ids),
            origin: self.cors.allowed(request.headers()),
        };
        request.extensions_mut().insert(visit.request_id.clone());
        if let Some(response) = self.answer_early(&request, &visit) {
            let response = request.into_response(response);
            return Ok(self.leave(&visit, response));
        }
        if request.method() == Method::HEAD {
            // Routed like GET. The connection leaves the body out: it knows what was asked.
            request.extensions_mut().insert(AsksForHead);
            request.head_mut().method = Method::GET;
        }
        let unread = Unread::of(&mut request);
        match AssertUnwindSafe(next.call(request)).catch_unwind().await {
            Ok(Ok(response)) => {
                let response = self.leave(&visit, response.map_into_boxed_body());
                Ok(match unread {
                    Some(unread) => unread.held_by(response),
                    None => response,
                })
            }
            Ok(Err(error)) => {
                Err(self.fail(visit, Problem::of_status(error.as_response_error().status_code())))
            }
            Err(_) => Err(self.fail(visit, Problem::internal("a handler panicked"))),
        }
    }

    /// Preflights, and what exceeds a limit.
    fn answer_early(&self, request: &ServiceRequest, visit: &Visit) -> Option<HttpResponse> {
        let length = |headers: &HeaderMap| -> usize {
            headers
                .iter()
                .map(|(name, value)| name.as_str().len() + value.len())
                .sum()
        };
        let code = if request
            .uri()
            .path_and_query()
            .is_some_and(|uri| uri.as_str().len() > self.uri_limit)
        {
            Code::UriTooLong
        } else if length(request.headers()) > self.header_limit {
            Code::HeadersTooLarge
        } else {
            let asked = visit.origin.is_some() && Cors::is_preflight(request.method(), request.headers());
            return asked.then(Cors::preflight);
        };
        Some(Problem::new(code).render(visit.request_id.as_str()))
    }

    /// Completes an answer on its way out.
    fn leave(&self, visit: &Visit, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let route = response.request().match_pattern();
        let route = route.as_deref().unwrap_or("unmatched");
        let status = response.status();
        let mut response = if status.is_client_error() || status.is_server_error() {
            Self::signed(visit, route, response)
        } else {
            response
        };
        self.dress(visit, response.headers_mut());
        self.note(visit, route, response.status().as_u16());
        response
    }

    /// The same answer as a problem that names this request. Answers of the framework have no
    /// problem of their own; their status says which one is meant.
    fn signed(visit: &Visit, route: &str, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let problem = response
            .response()
            .error()
            .and_then(|error| error.as_error::<Problem>());
        let rendered = match problem {
            Some(problem) => {
                report(visit, route, problem);
                if response.response().extensions().contains::<SaysSoItself>() {
                    return response;
                }
                problem.render(visit.request_id.as_str())
            }
            None if response
                .headers()
                .get("content-type")
                .is_some_and(|media| media == "application/problem+json") =>
            {
                return response;
            }
            None => Problem::of_status(response.status()).render(visit.request_id.as_str()),
        };
        let (request, _) = response.into_parts();
        ServiceResponse::new(request, rendered)
    }

    /// An answer where there is no request any more to build it on: the panic took it away.
    fn fail(self: &Arc<Self>, visit: Visit, problem: Problem) -> Error {
        report(&visit, "unknown", &problem);
        self.note(&visit, "unknown", problem.code().status().as_u16());
        Failure::new(Arc::clone(self), visit, problem).into()
    }

    fn dress(&self, visit: &Visit, headers: &mut HeaderMap) {
        let defaults: [(HeaderName, HeaderValue); 2] = [
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (
                CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
            ),
        ];
        for (name, value) in defaults {
            if !headers.contains_key(&name) {
                headers.insert(name, value);
            }
        }
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(RequestId::HEADER, visit.request_id.value());
        self.cors.dress(visit.origin.as_ref(), headers);
    }

    /// One line in the access log, one count in the metrics.
    fn note(&self, visit: &Visit, route: &str, status: u16) {
        let took = visit.started.elapsed();
        self.metrics.answered(visit.method, route, status, took);
        tracing::info!(
            method = visit.method,
            route,
            status,
            duration_ms = took.as_secs_f64() * 1000.0,
            request_id = visit.request_id.as_str(),
            "answered"
        );
    }
}

fn report(visit: &Visit, route: &str, problem: &Problem) {
    if let Some(cause) = problem.cause() {
        let request_id = visit.request_id.as_str();
        tracing::error!(
            request_id,
            route,
            code = problem.code().as_str(),
            cause,
            "request failed"
        );
    }
}

/// A closed list: callers must not be able to make up labels.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}
