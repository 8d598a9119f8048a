//! The answer to a request whose handler panicked. The text of the panic is not in it.

use std::{fmt, sync::Arc};

use actix_web::{HttpResponse, ResponseError, http::StatusCode};

use super::{Edge, Visit};
use crate::problem::Problem;

/// A problem that must be rendered without a request.
pub(super) struct Failure {
    edge: Arc<Edge>,
    visit: Visit,
    problem: Problem,
}

impl Failure {
    /// The answer to `visit`.
    pub(super) const fn new(edge: Arc<Edge>, visit: Visit, problem: Problem) -> Self {
        Self { edge, visit, problem }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failure").field(&self.problem.code()).finish()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.problem.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.problem.render(self.visit.request_id.as_str());
        self.edge.dress(&self.visit, response.headers_mut());
        response
    }
}
