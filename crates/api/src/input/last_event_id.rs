//! `Last-Event-ID`: what a reader of an event stream saw last (HTML standard, 9.2.4).

use std::convert::Infallible;

use actix_web::{FromRequest, HttpRequest, dev::Payload, http::header::HeaderName};
use futures::future::{Ready, ready};

/// The id, if there is one.
pub(crate) struct LastEventId(Option<String>);

impl LastEventId {
    const HEADER: HeaderName = HeaderName::from_static("last-event-id");

    /// The id, or else the one that the address has held since the reader first came.
    pub(crate) fn or(self, in_address: Option<String>) -> Option<String> {
        self.0.or(in_address).filter(|id| !id.is_empty())
    }
}

impl FromRequest for LastEventId {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = request.headers().get(Self::HEADER);
        // What is no text is an id that nobody gave.
        let text = header.map(|value| value.to_str().unwrap_or("?").to_owned());
        ready(Ok(Self(text.filter(|text| !text.is_empty()))))
    }
}
