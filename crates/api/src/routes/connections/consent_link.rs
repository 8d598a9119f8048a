//! `POST /api/v1/workspaces/{workspace_id}/connections/{connection_id}/consent-link`

use actix_web::{HttpResponse, http::StatusCode, post, web::Data};
use kernel::Id;
use provider_core::{
    ConnectionId, ConsentLinkId, IdentityResolution, NewConsentLink, ProviderConnection, ReasonCode,
    consent::LINK_LIFE,
};
use serde::Deserialize;
use tenancy::{AuditAction, Change, WorkspaceScope};
use utoipa::ToSchema;

use super::exists;
use crate::{
    ApiState,
    answers::Answer,
    auth::{guard::Guard, permission::ManageConnections},
    idempotency::Keeper,
    input::Body,
    journal::{Author, target},
    problem::{Code, Problem},
    routes::consent::{Addresses, RandomText, question, return_to},
    views::{consent::ConsentLinkView, scope::step_views},
};

/// A consent link to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateConsentLink {
    /// Where the browser goes in the end, with `consent=recorded` or `consent=declined` joined to
    /// its query: an address on one of the configured front-end origins. A page of this
    /// installation if it is left out.
    #[schema(example = "https://console.example.com/connections/done")]
    return_to: Option<String>,
}

/// Make a consent link
///
/// For an administrator of the target, who need not have an account here. The link opens a page
/// that says who asks for what and leads on to the provider's consent page. It can be used for an
/// hour and ends once; its text is shown here and never again. Consent counts only after a
/// connection check proved it; that check is started when the administrator comes back. Takes the
/// capability `connections.manage`.
#[utoipa::path(
    tag = "connections",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect, and does not show the link again")),
    request_body = CreateConsentLink,
    responses(
        (status = 201, description = "The link", body = ConsentLinkView),
        (status = 409, description = "client_identity_missing, public_url_missing, secret_already_shown"),
        (status = 422, description = "return_to_not_allowed; operation_blocked with the reason_code provider_connection_disabled"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/connections/{connection_id}/consent-link")]
pub(crate) async fn create_consent_link(
    guard: Guard<ManageConnections>,
    body: Body<CreateConsentLink>,
) -> Result<HttpResponse, Problem> {
    exists(&guard).await?;
    let (body, print) = body.read_with_print(&guard.state.settings).await?;
    guard
        .once(print, async |keeper| create(&guard, body, keeper).await)
        .await
}

async fn create(
    guard: &Guard<ManageConnections>,
    body: CreateConsentLink,
    keeper: Keeper,
) -> Result<Answer, Problem> {
    let id: ConnectionId = guard.id("connection_id")?;
    let state = guard.state.clone();
    let return_to = body.return_to;
    let return_to = return_to.map(|text| return_to::check(&state.settings, &text));
    let addresses = Addresses::of(&state.settings)?;
    let token = RandomText::new()?;
    let request = Request {
        id,
        return_to: return_to.transpose()?.map(String::from),
        scope: guard.scope.clone(),
        author: guard.author(),
        state: state.clone(),
    };
    guard
        .state
        .transact(request.store(token, addresses, keeper))
        .await
}

struct Request {
    id: ConnectionId,
    return_to: Option<String>,
    scope: WorkspaceScope,
    author: Author,
    state: Data<ApiState>,
}

impl Request {
    async fn store(self, token: RandomText, addresses: Addresses, keeper: Keeper) -> Result<Answer, Problem> {
        let state = &self.state;
        let mut work = state.storage.begin().await?;
        let connection = work.connections().find(&self.scope, self.id).await?;
        let connection = connection.ok_or_else(|| Problem::new(Code::NotFound))?;
        if !connection.is_enabled {
            return Err(disabled());
        }
        let now = state.clock.now();
        let identity = IdentityResolution::resolve(&connection, &*state.rules, now);
        let question = question(&connection, &identity, state.consent.permission_set());
        let question = question.ok_or_else(|| Problem::new(Code::ClientIdentityMissing))?;
        let link = NewConsentLink {
            id: Id::next(&*state.ids),
            link_hash: token.hash(),
            question,
            return_to: self.return_to.clone(),
            created_by: self.scope.actor().principal_id(),
            created_at: now,
            expires_at: now + LINK_LIFE,
        };
        let change = self.entry(&connection, link.id);
        work.consents().insert_link(&self.scope, &link, &change).await?;
        let permissions = state.consent.asked_permissions();
        let (url, redirect) = (addresses.link(token.expose()), addresses.redirect());
        let shown = ConsentLinkView::of(&url, &redirect, link.expires_at, identity, &permissions);
        // The link is a secret: it is shown once, whoever asks again.
        let answer = Answer::json(StatusCode::CREATED, &shown)?.shown_once();
        keeper.commit(work, answer).await
    }

    fn entry(&self, connection: &ProviderConnection, link: ConsentLinkId) -> Change {
        self.author.change(
            AuditAction::ConsentLinkCreated,
            target("connection", &connection.id, connection.display_name.as_str()),
            &[("consent_link_id", link.to_string())],
        )
    }
}

fn disabled() -> Problem {
    let reason = ReasonCode::ProviderConnectionDisabled;
    Problem::new(Code::OperationBlocked).with(|members| {
        members.reason_code = Some(reason.as_str());
        members.next_steps = Some(step_views([reason.next_step()]));
    })
}
