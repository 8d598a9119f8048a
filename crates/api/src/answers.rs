//! Answers with a representation: entity tags (RFC 9110, 8.8.3), 304, 201 with `Location`.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::header::{CACHE_CONTROL, ETAG, HeaderName, LOCATION},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{input::Conditions, problem::Problem};

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
    pub(crate) fn created(self, location: &str) -> HttpResponse {
        self.in_response(HttpResponse::Created().insert_header((LOCATION, location)))
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
