//! What goes wrong, as callers see it: `application/problem+json` (RFC 9457) built from one
//! catalogue.
//!
//! A problem holds a code, pointers into the request and values of our own. It never repeats what
//! the caller sent, and never carries the words of a library, a database or a provider.

pub(crate) mod body;
pub(crate) mod code;

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderName, HeaderValue, LINK, RETRY_AFTER},
    },
};
use kernel::StoreError;
use operations::GateError;
use tenancy::Capability;

use crate::answers::Answer;
pub(crate) use body::{FieldErrorBody, Members, ProblemBody};
pub(crate) use code::Code;

/// One wrong place in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// A JSON pointer (RFC 6901) into the body.
    pub(crate) pointer: String,
    /// What is wrong there.
    pub(crate) code: &'static str,
}

/// An answer that is not what the caller hoped for.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    errors: Vec<FieldError>,
    members: Box<Members>,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

impl Problem {
    /// The problem of this code.
    pub(crate) fn new(code: Code) -> Self {
        Self {
            code,
            errors: Vec::new(),
            members: Box::default(),
            headers: Vec::new(),
            cause: None,
        }
    }

    /// A problem at one place of the body.
    pub(crate) fn at(code: Code, pointer: &str, error: &'static str) -> Self {
        let mut problem = Self::new(code);
        problem.errors.push(FieldError {
            pointer: pointer.to_owned(),
            code: error,
        });
        problem
    }

    /// An unfit value at one place of the body.
    pub(crate) fn invalid(pointer: &str, error: &'static str) -> Self {
        Self::at(Code::InvalidValue, pointer, error)
    }

    /// A query parameter of ours holds a value that it cannot have, or stands twice.
    pub(crate) fn parameter(name: &str) -> Self {
        Self::new(Code::InvalidQuery).with(|members| members.parameter = Some(name.to_owned()))
    }

    /// The member is known, but his role does not hold the capability.
    pub(crate) fn forbidden(capability: Capability) -> Self {
        Self::new(Code::Forbidden).with(|members| members.required_capability = Some(capability.as_str()))
    }

    /// A defect of ours; `cause` is for the log.
    pub(crate) fn internal(cause: &str) -> Self {
        Self {
            cause: Some(cause.to_owned()),
            ..Self::new(Code::InternalError)
        }
    }

    /// The store does not answer, or is not the one that this program knows.
    pub(crate) fn not_ready(error: &StoreError) -> Self {
        Self {
            cause: Some(error.to_string()),
            ..Self::new(Code::StoreUnavailable)
        }
    }

    /// Adds members that only some codes have.
    #[must_use]
    pub(crate) fn with(mut self, add: impl FnOnce(&mut Members)) -> Self {
        add(&mut self.members);
        self
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Tells when to try again.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Points at the resource that is in the way.
    #[must_use]
    pub(crate) fn blocked_by(self, path: &str) -> Self {
        let link = HeaderValue::from_str(&format!("<{path}>; rel=\"blocked-by\""));
        self.header(LINK, link.expect("a path of ids is a header value"))
    }

    /// The code.
    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    /// The wrong places.
    #[cfg(test)]
    pub(crate) fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The query parameter.
    #[cfg(test)]
    pub(crate) fn named_parameter(&self) -> Option<&str> {
        self.members.parameter.as_deref()
    }

    /// What to write into the log, if anything.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The problem that an answer of the framework stands for.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        Self::new(match status {
            StatusCode::UNAUTHORIZED => Code::Unauthenticated,
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
            StatusCode::REQUEST_TIMEOUT => Code::RequestTimeout,
            StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
            other if other.is_client_error() => Code::BadRequest,
            _ => Code::InternalError,
        })
    }

    /// The answer, signed with the request's id.
    pub(crate) fn render(&self, request_id: &str) -> HttpResponse {
        self.answer(request_id).into_response()
    }

    /// The same as data: for a refusal that is recorded, and repeated to whoever asks again.
    pub(crate) fn answer(&self, request_id: &str) -> Answer {
        let body = ProblemBody::new(self.code, &self.errors, request_id, &self.members);
        let media = HeaderValue::from_static(ProblemBody::CONTENT_TYPE);
        let headers = self
            .code
            .headers()
            .into_iter()
            .chain(self.headers.iter().cloned());
        headers.chain([(CONTENT_TYPE, media)]).fold(
            Answer::new(self.code.status(), body.to_json()),
            |answer, (name, value)| answer.with(name, value),
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// A placeholder: the edge renders the problem, because only the edge knows the request's id.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.code.status())
    }
}

impl From<StoreError> for Problem {
    /// Keeps the error's own words for the log. The words of its source are for nobody.
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable(_) => Code::StoreUnavailable,
            StoreError::Conflict => Code::TryAgain,
            StoreError::Refused(_) | StoreError::Inconsistent { .. } => Code::InternalError,
        };
        Self {
            cause: Some(error.to_string()),
            ..Self::new(code)
        }
    }
}

impl From<GateError> for Problem {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Unsettled => Self::new(Code::TryAgain),
            GateError::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_error_shows_its_own_words_in_the_log_and_none_to_the_caller() {
        let problem = Problem::from(StoreError::Unavailable("row contents".into()));
        assert_eq!(problem.code(), Code::StoreUnavailable);
        assert_eq!(problem.cause(), Some("the store is not available"));
        let response = problem.render("r-1");
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers().get(RETRY_AFTER).expect("there"), "1");
    }

    #[test]
    fn every_answer_of_the_framework_is_a_problem() {
        assert_eq!(
            Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE).code(),
            Code::PayloadTooLarge
        );
        assert_eq!(
            Problem::of_status(StatusCode::IM_A_TEAPOT).code(),
            Code::BadRequest
        );
        assert_eq!(
            Problem::of_status(StatusCode::BAD_GATEWAY).code(),
            Code::InternalError
        );
    }
}
