//! Conditional headers: `If-Match` and `If-None-Match` (RFC 9110, 13.1), and how long the caller
//! would wait for news (`Prefer: wait`, RFC 7240, 4.3).

use std::{convert::Infallible, time::Duration};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH},
};
use futures::future::{Ready, ready};

use crate::problem::{Code, Problem};

/// The conditions of a request.
pub(crate) struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
    wait: Option<Duration>,
}

/// What stands in `If-Match` or `If-None-Match`.
#[derive(Debug, PartialEq, Eq)]
enum Tags {
    Any,
    Listed(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag {
    weak: bool,
    /// With its quotes.
    text: String,
}

impl FromRequest for Conditions {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request.headers())))
    }
}

impl Conditions {
    /// The longest wait, in seconds.
    pub(crate) const MAX_WAIT_SECONDS: u64 = 30;

    fn of(headers: &HeaderMap) -> Self {
        let tags = |name: HeaderName| {
            headers
                .contains_key(&name)
                .then(|| parse_tags(&joined(headers, &name)))
        };
        Self {
            if_match: tags(IF_MATCH),
            if_none_match: tags(IF_NONE_MATCH),
            wait: parse_wait(&joined(headers, &HeaderName::from_static("prefer"))),
        }
    }

    /// Demands `If-Match` (428) and that it names the present tag (412). Strong comparison.
    pub(crate) fn require_match(&self, present: &str) -> Result<(), Problem> {
        match &self.if_match {
            None => Err(Problem::new(Code::PreconditionRequired)),
            Some(_) => self.honour_match(present),
        }
    }

    /// Demands that `If-Match`, if it was sent, names the present tag (412). Strong comparison.
    pub(crate) fn honour_match(&self, present: &str) -> Result<(), Problem> {
        match &self.if_match {
            None | Some(Tags::Any) => Ok(()),
            Some(Tags::Listed(tags)) if tags.iter().any(|tag| !tag.weak && tag.text == present) => Ok(()),
            Some(Tags::Listed(_)) => Err(Problem::new(Code::PreconditionFailed)),
        }
    }

    /// Whether the caller has this representation already. Weak comparison.
    pub(crate) fn has(&self, present: &str) -> bool {
        match &self.if_none_match {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::Listed(tags)) => tags.iter().any(|tag| tag.text == present),
        }
    }

    /// Whether the caller told which representation it has.
    pub(crate) const fn names_a_tag(&self) -> bool {
        self.if_none_match.is_some()
    }

    /// How long the caller would wait.
    pub(crate) const fn wait(&self) -> Option<Duration> {
        self.wait
    }
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = headers
        .get_all(name)
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    values.join(",")
}

/// Tags in quotes, separated by commas. What is not a tag matches nothing.
fn parse_tags(text: &str) -> Tags {
    if text.trim() == "*" {
        return Tags::Any;
    }
    let (mut tags, mut rest) = (Vec::new(), text);
    while let Some(open) = rest.find('"') {
        let Some(length) = rest[open + 1..].find('"') else {
            break;
        };
        let end = open + length + 2;
        tags.push(Tag {
            weak: rest[..open].ends_with("W/"),
            text: rest[open..end].to_owned(),
        });
        rest = &rest[end..];
    }
    Tags::Listed(tags)
}

fn parse_wait(text: &str) -> Option<Duration> {
    let seconds = text.split([',', ';']).find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let wait = name.trim().eq_ignore_ascii_case("wait");
        wait.then(|| value.trim().trim_matches('"').parse::<u64>().ok())
            .flatten()
    })?;
    (seconds > 0).then(|| Duration::from_secs(seconds.min(Conditions::MAX_WAIT_SECONDS)))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn conditions(name: HeaderName, value: &'static str) -> Conditions {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        Conditions::of(&headers)
    }

    #[test]
    fn if_match_compares_strongly() {
        let missing = Conditions::of(&HeaderMap::new()).require_match("\"a-1\"");
        assert_eq!(missing.expect_err("missing").code(), Code::PreconditionRequired);
        assert!(Conditions::of(&HeaderMap::new()).honour_match("\"a-1\"").is_ok());
        for (value, fits) in [
            ("\"a-1\"", true),
            ("\"x\", \"a-1\"", true),
            ("*", true),
            ("W/\"a-1\"", false),
            ("\"a-2\"", false),
            ("a-1", false),
            ("", false),
        ] {
            let conditions = conditions(IF_MATCH, value);
            assert_eq!(conditions.require_match("\"a-1\"").is_ok(), fits, "{value}");
            assert_eq!(conditions.honour_match("\"a-1\"").is_ok(), fits, "{value}");
        }
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for (value, fits) in [
            ("\"a-1\"", true),
            ("W/\"a-1\"", true),
            ("*", true),
            ("\"a-2\"", false),
        ] {
            assert_eq!(conditions(IF_NONE_MATCH, value).has("\"a-1\""), fits, "{value}");
        }
    }

    #[test]
    fn waits_are_capped_and_nonsense_is_no_wait() {
        for (value, expected) in [
            ("wait=5", Some(5)),
            ("respond-async, wait=10", Some(10)),
            ("wait=\"7\"", Some(7)),
            ("wait=9999", Some(30)),
            ("wait=0", None),
            ("wait=-1", None),
            ("wait", None),
            ("return=minimal", None),
        ] {
            let wait = conditions(HeaderName::from_static("prefer"), value).wait();
            assert_eq!(wait, expected.map(Duration::from_secs), "{value}");
        }
    }
}
