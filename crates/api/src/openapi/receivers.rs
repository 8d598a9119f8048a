//! What receivers of webhooks are sent, for whoever generates a receiver from the document. The bodies themselves are
//! made by the crate `webhooks`; a test holds what really arrives against these schemas.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use utoipa::{
    OpenApi as _, ToSchema,
    openapi::{
        ContentBuilder, HttpMethod, ObjectBuilder, OpenApi, PathItem, PathsBuilder, Ref, Required, Type,
        path::{OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        response::ResponseBuilder,
        security::SecurityRequirement,
    },
};
use uuid::Uuid;

/// An event, as a webhook sends it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
struct WebhookEvent {
    /// The same as in the feed, and as `webhook-id`, whatever attempt this is.
    id: Uuid,
    /// What happened: anything but `webhook.verification`. New types may be added.
    #[schema(rename = "type", example = "operation.completed")]
    kind: String,
    /// When it happened.
    timestamp: DateTime<Utc>,
    /// The workspace.
    workspace_id: Uuid,
    /// Its number in the workspace: 1 for the first, and no gaps.
    sequence: u64,
    /// What it is about.
    data: WebhookEventData,
}

/// What an event is about.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
struct WebhookEventData {
    /// What it happened to.
    subject: WebhookSubject,
    /// How the change went: `success` or `failure`.
    #[schema(example = "success")]
    outcome: String,
    /// Neutral facts: ids, codes and counts.
    metadata: HashMap<String, serde_json::Value>,
}

/// What a message is about.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
struct WebhookSubject {
    /// `workspace`, `connection`, `operation_run` and so on.
    #[schema(rename = "type", example = "operation_run")]
    kind: String,
    /// Its id.
    id: String,
}

/// The question whether the receiver is there. It is sent once for each time that somebody asks.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
struct WebhookVerification {
    /// The same as `webhook-id`.
    id: Uuid,
    /// What tells it from an event.
    #[schema(rename = "type")]
    kind: WebhookVerificationType,
    /// When somebody asked.
    timestamp: DateTime<Utc>,
    /// The workspace.
    workspace_id: Uuid,
    /// The webhook that is asked about.
    data: WebhookVerificationData,
}

/// What tells a verification from an event.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
enum WebhookVerificationType {
    /// There is no other.
    #[schema(rename = "webhook.verification")]
    Verification,
}

/// What a verification is about.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes, and is never made")]
struct WebhookVerificationData {
    /// The webhook.
    subject: WebhookSubject,
}

#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(WebhookEvent, WebhookVerification)))]
struct Bodies;

/// Adds the messages, and what they are made of.
pub(super) fn describe(document: &mut OpenApi) {
    document.merge(Bodies::openapi());
    let messages = PathsBuilder::new()
        .path(
            "event",
            message(
                "receive_event",
                "An event",
                "What happened, once it is committed: every message whose `type` is not `webhook.verification`. The same \
                 event may come twice, with the same `webhook-id`.",
                ("WebhookEvent", AGAIN),
            ),
        )
        .path(
            "verification",
            message(
                "receive_webhook_verification",
                "A verification",
                "Whether somebody is there: a message whose `type` is `webhook.verification`. A `2xx` enables the webhook.",
                ("WebhookVerification", ONCE),
            ),
        );
    document.webhooks = Some(messages.build());
}

fn message(id: &str, summary: &str, words: &str, (body, otherwise): (&str, &str)) -> PathItem {
    let schema = Ref::from_schema_name(body);
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let body = RequestBodyBuilder::new()
        .content("application/json", content)
        .required(Some(Required::True));
    let mut operation = OperationBuilder::new()
        .operation_id(Some(id))
        .tag("webhooks")
        .summary(Some(summary))
        .description(Some(words))
        .request_body(Some(body.build()))
        // Not a token: the signature.
        .security(SecurityRequirement::default());
    for (name, words) in HEADERS {
        let header = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(words))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
        operation = operation.parameter(header);
    }
    for (status, words) in ANSWERS.into_iter().chain([("default", otherwise)]) {
        operation = operation.response(status, ResponseBuilder::new().description(words));
    }
    PathItem::new(HttpMethod::Post, operation)
}

/// By Standard Webhooks.
const HEADERS: [(&str, &str); 3] = [
    (
        "webhook-id",
        "The id of the message, the same at every attempt: remember those that you have handled",
    ),
    (
        "webhook-timestamp",
        "When this attempt was made, in seconds since 1970: refuse what is more than five minutes away",
    ),
    (
        "webhook-signature",
        "One or more of `v1,` and base64 of HMAC-SHA256 over id, timestamp and body, separated by spaces: one that \
         fits is enough",
    ),
];

const ANSWERS: [(&str, &str); 2] = [
    ("2XX", "Taken. There are 15 seconds for the whole attempt"),
    ("410", "Nobody is there any more: the webhook is disabled at once"),
];

const AGAIN: &str = "Not taken. There are ten attempts over three days; a `Retry-After` of a 429 or 503 is granted, up to a \
                     day, for the whole webhook";
const ONCE: &str = "Nobody is there: the webhook stays as it is, until somebody asks again";
