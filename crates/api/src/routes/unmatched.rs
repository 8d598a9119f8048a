//! What no route took: 405 where the path exists with other methods, 404 elsewhere.

use actix_web::{HttpRequest, http::header::ALLOW};

use crate::{
    edge::routes::RouteTable,
    problem::{Code, Problem},
};

/// The problem of a request that no route took.
pub(crate) fn unmatched(routes: &RouteTable, request: &HttpRequest) -> Problem {
    match routes.allow(request.path()) {
        Some(allow) => Problem::new(Code::MethodNotAllowed).header(ALLOW, allow.clone()),
        None => Problem::new(Code::NotFound),
    }
}
