//! `POST /api/v1/workspaces/{workspace_id}/webhooks`

use actix_web::{HttpResponse, http::StatusCode, post};
use kernel::Id;
use serde::Deserialize;
use tenancy::AuditAction;
use utoipa::ToSchema;
use webhooks::{Inserted, NewSecret, SecretFacts, Webhook};

use super::{
    change::{secret, shown},
    fields,
};
use crate::{
    answers::Answer,
    auth::{guard::Guard, permission::ManageWebhooks},
    idempotency::Keeper,
    input::Body,
    journal::target,
    problem::{Code, Problem},
    views::webhooks::WebhookSecretShown,
};

/// A webhook to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWebhook {
    /// Where messages are posted to: https, a public address, up to 2,048 bytes.
    #[schema(example = "https://hooks.example.com/tenantatlas")]
    url: String,
    /// For people: up to 120 characters.
    description: Option<String>,
    /// Up to 50 event types, such as `operation.completed` or `operation.*`. Every type if it is
    /// left out.
    #[schema(example = json!(["operation.*"]))]
    event_types: Option<Vec<String>>,
}

/// Create a webhook
///
/// It is `unverified`: nothing goes out until the receiver has answered a verification. The signing
/// secret is in this answer and in no other. Messages follow Standard Webhooks. A workspace may have
/// 20 webhooks. Takes the capability `webhooks.manage`.
#[utoipa::path(
    tag = "webhooks",
    params(("Idempotency-Key" = Option<String>, Header, description = "Names the request: the same one again has no second effect")),
    request_body = CreateWebhook,
    responses(
        (status = 201, description = "It is there, with its secret", body = WebhookSecretShown, headers(
            ("Location" = String, description = "Where it is"),
            ("ETag" = String, description = "Its entity tag"),
        )),
        (status = 409, description = "webhook_limit_reached, secret_already_shown"),
        (status = 422, description = "webhook_url_invalid, invalid_value"),
    ),
)]
#[post("/api/v1/workspaces/{workspace_id}/webhooks")]
pub(crate) async fn create_webhook(
    guard: Guard<ManageWebhooks>,
    body: Body<CreateWebhook>,
) -> Result<HttpResponse, Problem> {
    let (body, print) = body.read_with_print(&guard.state.settings).await?;
    guard
        .once(print, async |keeper| create(&guard, body, keeper).await)
        .await
}

async fn create(
    guard: &Guard<ManageWebhooks>,
    body: CreateWebhook,
    keeper: Keeper,
) -> Result<Answer, Problem> {
    let state = guard.state.clone();
    let url = fields::url(&body.url, &state.webhook_destinations)?;
    let description = body
        .description
        .map(|text| fields::description(&text))
        .transpose()?;
    let events = fields::event_types(body.event_types.unwrap_or_default())?;
    let secret = secret()?;
    let now = state.clock.now();
    let facts = SecretFacts {
        id: Id::next(&*state.ids),
        created_at: now,
        expires_at: None,
    };
    let webhook = Webhook {
        id: Id::next(&*state.ids),
        url,
        description,
        events,
        verified_at: None,
        disabled: None,
        exhausted_in_a_row: 0,
        version: 1,
        created_at: now,
        updated_at: now,
        secrets: vec![facts],
    };
    let named = target("webhook", &webhook.id, webhook.url.host());
    let change = guard.author().change(AuditAction::WebhookCreated, named, &[]);
    let location = guard.address(&format!("webhooks/{}", webhook.id));
    let (unit, scope) = (state.clone(), guard.scope.clone());
    state
        .transact(async move {
            let mut work = unit.storage.begin().await?;
            let new = NewSecret {
                id: facts.id,
                secret: &secret,
                created_at: facts.created_at,
            };
            match work.webhooks().insert(&scope, &webhook, new, &change).await? {
                Inserted::Done => {}
                Inserted::TooMany => return Err(Problem::new(Code::WebhookLimitReached)),
            }
            let answer = shown(&unit, &webhook, Some(&secret), StatusCode::CREATED)?.at(&location);
            keeper.commit(work, answer).await
        })
        .await
}
