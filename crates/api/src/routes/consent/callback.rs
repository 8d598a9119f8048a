//! `GET /consent/callback`: what the provider's consent page says. Anybody can make such an
//! address, so it is believed only as the answer to a question that we asked, in the browser that
//! we asked it in, and even then it is a hint.

mod ending;

use actix_web::{HttpRequest, HttpResponse, web::Data};
use provider_core::{ConsentCallback, ConsentResult};
use serde_json::json;
use url::form_urlencoded;

use super::{
    addresses::Addresses,
    asked::{author_of, open},
    cookie::Cookie,
    page, random,
    reply::{Audience, Reply},
    return_to,
};
use crate::{
    ApiState, journal,
    problem::{Code, Problem},
};
use ending::Ending;

/// The longest query, in bytes.
const MAX_QUERY: usize = 8 * 1024;
/// The most parameters.
const MAX_PAIRS: usize = 20;

/// Ends a visit.
pub(super) async fn callback(request: HttpRequest, state: Data<ApiState>) -> HttpResponse {
    let outcome = hear(&request, &state).await;
    Audience::of(request.headers()).answer(outcome)
}

async fn hear(request: &HttpRequest, state: &Data<ApiState>) -> Result<Reply, Problem> {
    let invalid = || Problem::new(Code::ConsentStateInvalid);
    let addresses = Addresses::of(&state.settings)?;
    let pairs = pairs(request.query_string()).ok_or_else(invalid)?;
    let heard = state.consent.read_callback(&pairs).map_err(|_| invalid())?;
    let ConsentCallback { state: text, answer } = heard;
    let visit = random::hash(&text);
    let link = {
        let session = state.storage.read().await?;
        session.consents().by_state(&visit).await?
    };
    let link = open(link, state.clock.now())?;
    let author = author_of(&link, state, journal::origin(request));
    let cookie = Cookie::of(&addresses, link.id);
    let same_browser = link
        .browser_hash
        .is_some_and(|hash| cookie.is_held(request.headers(), &hash));
    let ending = Ending {
        state: state.clone(),
        link,
        visit,
        author,
    };
    if !same_browser {
        state.transact(ending.turn_away()).await?;
        return Err(Problem::new(Code::ConsentSessionMismatch));
    }
    let way_back = ending.link.return_to.clone();
    let result = state.transact(ending.end(answer)).await?;
    Ok(farewell(state, way_back.as_deref(), result).with_cookie(cookie.clear()))
}

/// The decoded parameters; nothing when there are more than any provider sends.
fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    if query.len() > MAX_QUERY {
        return None;
    }
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes())
        .take(MAX_PAIRS + 1)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    (pairs.len() <= MAX_PAIRS).then_some(pairs)
}

/// Back to the front end that made the link, or a page of our own. The way back is looked at
/// again: the configuration may have changed since.
fn farewell(state: &ApiState, way_back: Option<&str>, result: ConsentResult) -> Reply {
    if let Some(url) = way_back.and_then(|text| return_to::allowed(&state.settings, text)) {
        return Reply::see_other(return_to::with_result(url, result));
    }
    let (title, text) = match result {
        ConsentResult::Recorded => (
            "Thank you",
            "Your answer was recorded and is now being checked. You can close this page.",
        ),
        ConsentResult::Declined | ConsentResult::Rejected => (
            "Consent was not given",
            "Nothing was changed. If that was not what you wanted, ask whoever sent you the link for \
             a new one. You can close this page.",
        ),
    };
    Reply::shown(page::message(title, text), json!({ "result": result.as_str() }))
}
