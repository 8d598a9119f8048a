//! `GET /consent/{token}`: who asks for what. Reading it uses nothing up: mail programs look at
//! links before people do.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path},
};
use serde_json::to_value;

use super::{
    addresses::Addresses,
    asked::{Ask, Asked, open},
    page, random,
    reply::{Audience, Reply},
    return_to,
};
use crate::{ApiState, problem::Problem, views::consent::AskView};

/// Answers with the page of a link.
pub(super) async fn show(request: HttpRequest, state: Data<ApiState>, token: Path<String>) -> HttpResponse {
    let outcome = read(&state, &token).await;
    Audience::of(request.headers()).answer(outcome)
}

async fn read(state: &ApiState, token: &str) -> Result<Reply, Problem> {
    let addresses = Addresses::of(&state.settings)?;
    let session = state.storage.read().await?;
    let link = session.consents().by_link(&random::hash(token)).await?;
    let link = open(link, state.clock.now())?;
    let workspace = session.consents().asking_workspace(&link).await?;
    let asked = Asked::by(state, &*session, link).await?;
    let ask = Ask {
        workspace: &workspace,
        target_scope: &asked.identity.target_scope,
        client_identifier: &asked.link.question.client_identifier,
        permissions: &state.consent.asked_permissions(),
        expires_at: asked.link.expires_at,
    };
    let json = to_value(AskView::from(&ask)).map_err(|_| Problem::internal("a view does not serialize"))?;
    // The state is not made before somebody goes on; the origin is the same with any.
    let next = asked.consent_page(state, &addresses, "")?;
    let back = asked.link.return_to.as_deref();
    let back = back.and_then(|text| return_to::allowed(&state.settings, text));
    Ok(Reply::shown(page::ask(&ask), json).leading_to([&next].into_iter().chain(&back)))
}
