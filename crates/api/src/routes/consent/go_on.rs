//! `POST /consent/{token}`: on to the provider's consent page. From here on the visit belongs to
//! one browser.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HeaderMap, ORIGIN},
    web::{Data, Path},
};
use tenancy::AuditAction;

use super::{
    addresses::Addresses,
    asked::{Asked, author_of, entry, open, scope_of},
    cookie::Cookie,
    random::{self, RandomText},
    reply::{Audience, Reply},
};
use crate::{
    ApiState,
    journal::{self, Author},
    problem::{Code, Problem},
};

/// Begins a visit.
pub(super) async fn go_on(request: HttpRequest, state: Data<ApiState>, token: Path<String>) -> HttpResponse {
    let outcome = begin(&request, &state, &token).await;
    Audience::of(request.headers()).answer(outcome)
}

async fn begin(request: &HttpRequest, state: &Data<ApiState>, token: &str) -> Result<Reply, Problem> {
    let addresses = Addresses::of(&state.settings)?;
    if !from_our_page(request.headers(), &addresses.origin()) {
        return Err(Problem::new(Code::ConsentSessionMismatch));
    }
    let asked = {
        let session = state.storage.read().await?;
        let link = session.consents().by_link(&random::hash(token)).await?;
        let link = open(link, state.clock.now())?;
        Asked::by(state, &*session, link).await?
    };
    let (visit, browser) = (RandomText::new()?, RandomText::new()?);
    let next = asked.consent_page(state, &addresses, visit.expose())?;
    let cookie = Cookie::of(&addresses, asked.link.id).set(browser.expose());
    let author = author_of(&asked.link, state, journal::origin(request));
    let begun = Begun {
        asked,
        visit,
        browser,
        author,
    };
    state.transact(begun.store(state.clone())).await?;
    Ok(Reply::see_other(next).with_cookie(cookie))
}

/// A visit on its way into the store.
struct Begun {
    asked: Asked,
    visit: RandomText,
    browser: RandomText,
    author: Author,
}

impl Begun {
    async fn store(self, state: Data<ApiState>) -> Result<(), Problem> {
        let Self {
            asked,
            visit,
            browser,
            author,
        } = self;
        let (scope, id) = (scope_of(&asked.link), asked.connection.id);
        let mut work = state.storage.begin().await?;
        let connection = work.connections().find(&scope, id).await?;
        let connection = connection.ok_or_else(|| Problem::new(Code::NotFound))?;
        let asked = Asked::unchanged(&state, asked.link, connection)?;
        let change = entry(
            &author,
            &asked.link,
            asked.connection.display_name.as_str(),
            AuditAction::ConsentStarted,
            None,
        );
        let (now, link) = (state.clock.now(), asked.link.id);
        let begun = work
            .consents()
            .begin_visit(&scope, link, &visit.hash(), &browser.hash(), now, &change)
            .await?;
        // It was open a moment ago, so another visit came to its end in between.
        if !begun {
            return Err(Problem::new(Code::ConsentStateUsed));
        }
        Ok(work.commit().await?)
    }
}

/// Whether the form of our own page was sent, as far as the browser tells. A foreign page could
/// otherwise lead people past the page that says who asks.
///
/// Our page tells nobody where it lies, so browsers write `null` for its origin (Fetch standard,
/// "append a request `Origin` header"); then `Sec-Fetch-Site`, which no page can set, must say it.
fn from_our_page(headers: &HeaderMap, ours: &str) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site");
    let fits = match text(ORIGIN.as_str()) {
        None => true,
        Some("null") => site == Some("same-origin"),
        Some(origin) => origin == ours,
    };
    fits && matches!(site, None | Some("same-origin" | "none"))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn only_our_own_page_leads_on() {
        let ours = "https://atlas.example.com";
        for (origin, site, fits) in [
            (None, None, true),
            (Some(ours), None, true),
            (Some(ours), Some("same-origin"), true),
            (Some("null"), Some("same-origin"), true),
            (None, Some("none"), true),
            (Some("null"), None, false),
            (Some("null"), Some("none"), false),
            (Some("null"), Some("cross-site"), false),
            (Some("https://evil.test"), None, false),
            (Some("https://evil.test"), Some("same-origin"), false),
            (Some("https://atlas.example.com.evil.test"), None, false),
            (Some("http://atlas.example.com"), None, false),
            (Some(ours), Some("same-site"), false),
            (None, Some("cross-site"), false),
            (Some("é"), None, false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
                if let Some(value) = value {
                    let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
                    headers.insert(HeaderName::from_static(name), value);
                }
            }
            assert_eq!(from_our_page(&headers, ours), fits, "{origin:?} {site:?}");
        }
    }
}
