//! Answers as data, and answers with a representation: entity tags (RFC 9110, 8.8.3), 304, 201 with
//! `Location`.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tenancy::KeptAnswer;

use crate::{input::Conditions, problem::Problem};

/// An answer as data: it can be made inside a unit of work, kept with it, and repeated.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
    shown_once: bool,
}

impl Answer {
    /// This text with this status.
    pub(crate) const fn new(status: StatusCode, body: String) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            shown_once: false,
        }
    }

    /// `view` as JSON.
    pub(crate) fn json(status: StatusCode, view: &impl Serialize) -> Result<Self, Problem> {
        let json = serde_json::to_string(view).map_err(|_| Problem::internal("a view does not serialize"))?;
        Ok(Self::new(status, json).with(CONTENT_TYPE, HeaderValue::from_static("application/json")))
    }

    /// The same with a header.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with the address of what it is about.
    #[must_use]
    pub(crate) fn at(self, location: &str) -> Self {
        self.with(LOCATION, value(location))
    }

    /// The same with the entity tag of what it shows.
    #[must_use]
    pub(crate) fn tagged(self, tag: &str) -> Self {
        self.with(ETAG, value(tag))
    }

    /// The same with how many seconds to wait before a look is worth it.
    #[must_use]
    pub(crate) fn look_again_after(self, seconds: u32) -> Self {
        self.with(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Marks an answer with a secret in it: its body is never kept.
    #[must_use]
    pub(crate) fn shown_once(mut self) -> Self {
        self.shown_once = true;
        self
    }

    /// What is kept of it.
    pub(crate) fn kept(&self) -> KeptAnswer {
        let text = |(name, value): &(HeaderName, HeaderValue)| {
            let value = value.to_str().unwrap_or_default();
            (name.as_str().to_owned(), value.to_owned())
        };
        KeptAnswer {
            status: self.status.as_u16(),
            headers: self.headers.iter().map(text).collect(),
            body: (!self.shown_once).then(|| self.body.clone()),
        }
    }

    /// For the wire.
    pub(crate) fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for header in self.headers {
            response.insert_header(header);
        }
        response.body(self.body)
    }
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids and paths are header values")
}
/// Says which preference was granted (RFC 7240, 3).
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// A representation as text, with its entity tag.
pub(crate) struct Representation {
    json: String,
    tag: String,
}

impl Representation {
    /// The representation of `view`. `name` is an id, with a version where there is one; the
    /// digest behind it changes with everything that is shown.
    pub(crate) fn of(name: &str, view: &impl Serialize) -> Result<Self, Problem> {
        let json = serde_json::to_string(view).map_err(|_| Problem::internal("a view does not serialize"))?;
        let digest = Sha256::digest(&json);
        let short = URL_SAFE_NO_PAD.encode(&digest[..12]);
        Ok(Self {
            tag: format!("\"{name}-{short}\""),
            json,
        })
    }

    /// The entity tag, with its quotes.
    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    /// The answer to a read: 304 if the caller has it already.
    pub(crate) fn answer(self, conditions: &Conditions) -> HttpResponse {
        if conditions.has(&self.tag) {
            let mut response = HttpResponse::NotModified();
            return response
                .insert_header((ETAG, self.tag))
                .insert_header((CACHE_CONTROL, "private, no-cache"))
                .finish();
        }
        self.in_response(&mut HttpResponse::Ok())
    }

    /// The answer to a creation.
    pub(crate) fn created(self, location: &str) -> Answer {
        Answer::new(StatusCode::CREATED, self.json)
            .with(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .with(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))
            .with(ETAG, value(&self.tag))
            .with(LOCATION, value(location))
    }

    /// This representation as the body of `response`.
    pub(crate) fn in_response(self, response: &mut HttpResponseBuilder) -> HttpResponse {
        response
            .insert_header((ETAG, self.tag))
            .insert_header((CACHE_CONTROL, "private, no-cache"))
            .content_type("application/json")
            .body(self.json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_changes_with_the_representation() {
        let tag = |view: &[u8]| {
            Representation::of("id-1", &view)
                .expect("serializes")
                .tag()
                .to_owned()
        };
        assert_eq!(tag(&[1]), tag(&[1]));
        assert_ne!(tag(&[1]), tag(&[2]));
        assert!(tag(&[1]).starts_with("\"id-1-") && tag(&[1]).ends_with('"'));
    }
}
