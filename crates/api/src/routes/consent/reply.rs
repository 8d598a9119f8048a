//! How the pages answer: HTML for browsers, JSON for everybody else, and the same headers for both.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{
            ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE,
            X_FRAME_OPTIONS,
        },
    },
};
use serde_json::Value;
use url::Url;

use super::page;
use crate::{edge::SaysSoItself, problem::Problem};

const HTML: &str = "text/html; charset=utf-8";

/// Who reads the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Somebody at a browser.
    Person,
    /// `curl`, a script, a test.
    Program,
}

/// An answer that is no problem.
pub(super) struct Reply {
    content: Content,
    leads_to: Vec<String>,
    cookie: Option<String>,
}

enum Content {
    Shown { html: String, json: Value },
    SeeOther(Url),
}

impl Audience {
    /// Browsers name HTML in `Accept`; others must not be given it for a wildcard.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let wants_html = headers
            .get_all(ACCEPT)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|range| {
                let mut parts = range.split(';').map(str::trim);
                let html = parts
                    .next()
                    .is_some_and(|media| media.eq_ignore_ascii_case("text/html"));
                html && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
            });
        if wants_html { Self::Person } else { Self::Program }
    }

    /// The answer to a request of this audience.
    pub(super) fn answer(self, outcome: Result<Reply, Problem>) -> HttpResponse {
        match outcome {
            Ok(reply) => reply.response(self),
            Err(problem) => self.refusal(problem),
        }
    }

    /// The problem as a page, or as itself: then the edge signs it.
    fn refusal(self, problem: Problem) -> HttpResponse {
        let code = problem.code();
        let headers = [
            (CONTENT_SECURITY_POLICY, header(&policy(&[]))),
            (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        ];
        match self {
            Self::Program => {
                let dressed = headers
                    .into_iter()
                    .fold(problem, |problem, (name, value)| problem.header(name, value));
                HttpResponse::from_error(dressed)
            }
            Self::Person => {
                let html = page::message(code.title(), code.detail());
                let mut response = HttpResponse::from_error(problem)
                    .set_body(html)
                    .map_into_boxed_body();
                response.extensions_mut().insert(SaysSoItself);
                let more = [(CONTENT_TYPE, HeaderValue::from_static(HTML))];
                for (name, value) in headers.into_iter().chain(more).chain(code.headers()) {
                    response.headers_mut().insert(name, value);
                }
                response
            }
        }
    }
}

impl Reply {
    /// A page, and the same facts as JSON.
    pub(super) const fn shown(html: String, json: Value) -> Self {
        Self {
            content: Content::Shown { html, json },
            leads_to: Vec::new(),
            cookie: None,
        }
    }

    /// To somewhere else, by `GET`.
    pub(super) const fn see_other(url: Url) -> Self {
        Self {
            content: Content::SeeOther(url),
            leads_to: Vec::new(),
            cookie: None,
        }
    }

    /// The page has a form that leads there: browsers hold the policy against every address that
    /// sending the form is redirected to.
    #[must_use]
    pub(super) fn leading_to<'a>(mut self, urls: impl IntoIterator<Item = &'a Url>) -> Self {
        let origins = urls.into_iter().map(|url| url.origin().ascii_serialization());
        self.leads_to = origins.collect();
        self
    }

    /// With a cookie.
    #[must_use]
    pub(super) fn with_cookie(mut self, header: String) -> Self {
        self.cookie = Some(header);
        self
    }

    fn response(self, audience: Audience) -> HttpResponse {
        let status = match &self.content {
            Content::Shown { .. } => StatusCode::OK,
            Content::SeeOther(_) => StatusCode::SEE_OTHER,
        };
        let mut response = HttpResponse::build(status);
        response
            .insert_header((CONTENT_SECURITY_POLICY, header(&policy(&self.leads_to))))
            .insert_header((X_FRAME_OPTIONS, "DENY"));
        if let Some(cookie) = &self.cookie {
            response.insert_header((SET_COOKIE, header(cookie)));
        }
        match (self.content, audience) {
            (Content::SeeOther(url), _) => response.insert_header((LOCATION, url.as_str())).finish(),
            (Content::Shown { html, .. }, Audience::Person) => response.content_type(HTML).body(html),
            (Content::Shown { json, .. }, Audience::Program) => response.json(json),
        }
    }
}

/// The content security policy of a page whose form leads to these origins.
fn policy(leads_to: &[String]) -> String {
    let forms = if leads_to.is_empty() {
        "'none'".to_owned()
    } else {
        format!("'self' {}", leads_to.join(" "))
    };
    format!(
        "default-src 'none'; style-src '{}'; form-action {forms}; frame-ancestors 'none'; base-uri 'none'",
        page::style_hash()
    )
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("hashes, origins and cookies of ours are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_names_html_gets_html() {
        for (accept, audience) in [
            (
                Some("text/html,application/xhtml+xml,*/*;q=0.8"),
                Audience::Person,
            ),
            (Some("application/json, TEXT/HTML;q=0.5"), Audience::Person),
            (Some("text/html;q=0"), Audience::Program),
            (Some("*/*"), Audience::Program),
            (Some("text/*"), Audience::Program),
            (Some("application/json"), Audience::Program),
            (None, Audience::Program),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(Audience::of(&headers), audience, "{accept:?}");
        }
    }

    #[test]
    fn the_policy_names_where_the_form_leads_and_nothing_else() {
        let urls = ["https://agree.example.com/x?y", "https://ours.example:8443/z"];
        let urls = urls.map(|url| Url::parse(url).expect("an address"));
        let reply = Reply::shown(String::new(), Value::Null).leading_to(&urls);
        let response = reply.response(Audience::Person);
        let policy = response.headers().get(CONTENT_SECURITY_POLICY).expect("there");
        assert_eq!(
            policy.to_str().expect("ascii"),
            format!(
                "default-src 'none'; style-src '{}'; form-action 'self' https://agree.example.com \
                 https://ours.example:8443; frame-ancestors 'none'; base-uri 'none'",
                page::style_hash()
            )
        );
        assert_eq!(response.headers().get(X_FRAME_OPTIONS).expect("there"), "DENY");
        assert!(super::policy(&[]).contains("form-action 'none'; "));
    }
}
