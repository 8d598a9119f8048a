//! The catalogue of problems: code, status, whether the same request may work later, title and
//! detail. Append only; a code is never renamed. `GET /api/v1/problems` lists it.

use std::fmt::Write as _;

use actix_web::http::{
    StatusCode,
    header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident => $code:literal, $status:literal, $retryable:literal, $title:literal, $detail:literal;)*) => {
        /// A code of the catalogue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable string.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            const fn number(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Whether the same request may work later without any change.
            pub(crate) const fn retryable(self) -> bool {
                match self { $(Self::$variant => $retryable,)* }
            }

            /// What it is, in a few words.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What it means for the caller.
            pub(crate) const fn detail(self) -> &'static str {
                match self { $(Self::$variant => $detail,)* }
            }
        }
    };
}

codes! {
    /// The framework refused the request.
    BadRequest => "bad_request", 400, false, "Bad request",
        "The request is not understood.";
    /// The body is not JSON.
    MalformedJson => "malformed_json", 400, false, "Malformed JSON",
        "The body is not a JSON text in UTF-8.";
    /// A query parameter that does not exist, stands twice or holds an unfit value.
    InvalidQuery => "invalid_query", 400, false, "Invalid query",
        "A query parameter is unknown, repeated or holds a value that it cannot have.";
    /// The cursor belongs to another list, or to nobody.
    CursorInvalid => "cursor_invalid", 400, false, "Invalid cursor",
        "The cursor was not issued for this list with these filters. Read from the beginning.";
    /// A callback whose state nobody gave out, or that is over.
    ConsentStateInvalid => "consent_state_invalid", 400, false, "Invalid consent state",
        "The link or its state is unknown or over. Ask whoever sent it for a new consent link.";
    /// A key that is no key.
    IdempotencyKeyInvalid => "idempotency_key_invalid", 400, false, "Invalid idempotency key",
        "Send one Idempotency-Key header of 1 to 255 visible ASCII characters.";
    /// No token, or one that does not count. One answer for all causes.
    Unauthenticated => "unauthenticated", 401, false, "Not authenticated",
        "Send one valid bearer token in the Authorization header.";
    /// The role does not hold the capability.
    Forbidden => "forbidden", 403, false, "Forbidden",
        "Your role in this workspace does not hold the required capability.";
    /// The callback comes from another browser than the one that opened the consent page.
    ConsentSessionMismatch => "consent_session_mismatch", 403, false, "Another browser",
        "The consent page was opened in another browser. Open the consent link again and finish in the same browser.";
    /// It does not exist, or not for this caller.
    NotFound => "not_found", 404, false, "Not found",
        "There is nothing here that you can see.";
    /// The path exists, the method does not.
    MethodNotAllowed => "method_not_allowed", 405, false, "Method not allowed",
        "The Allow header lists the methods of this path.";
    /// The body did not arrive in time.
    RequestTimeout => "request_timeout", 408, true, "Request timeout",
        "The body of the request did not arrive in time.";
    /// Another one has this slug.
    SlugTaken => "slug_taken", 409, false, "Slug taken",
        "Another one has this slug. Choose a different slug.";
    /// The principal is a member already.
    AlreadyMember => "already_member", 409, false, "Already a member",
        "This principal is a member of the workspace already.";
    /// The environment has a connection to this target.
    DuplicateConnection => "duplicate_connection", 409, false, "Duplicate connection",
        "The environment has a connection to this target already: see connection_id.";
    /// The default cannot go while others exist.
    DefaultConnectionRequired => "default_connection_required", 409, false, "Default connection required",
        "The environment has other connections to this provider. Make one of them the default first.";
    /// A run is active through the connection.
    ConnectionBusy => "connection_busy", 409, true, "Connection busy",
        "An operation is active through this connection: see active_run. Cancel it or wait for its end.";
    /// There is no credential in the stage that is asked for.
    CredentialStageMissing => "credential_stage_missing", 409, false, "No such credential",
        "The connection has no credential in this stage: see next_credential and previous_credential.";
    /// No check succeeded with the next credential.
    CredentialNotVerified => "credential_not_verified", 409, false, "Credential not verified",
        "No connection check succeeded with the next credential. Start one with inputs {\"credential\": \"next\"}.";
    /// Nobody knows which client consent is to be asked for.
    ClientIdentityMissing => "client_identity_missing", 409, false, "Client identity missing",
        "The connection has no client yet: store a credential, or ask the operator for a platform identity.";
    /// Browsers have no address of this installation.
    PublicUrlMissing => "public_url_missing", 409, false, "Public address missing",
        "This installation has no public address. Ask its operator to set http.public_url.";
    /// The link was used.
    ConsentStateUsed => "consent_state_used", 409, false, "Consent link used",
        "This consent link was used already. Ask whoever sent it for a new one if consent is still missing.";
    /// The provider's page names another target than the one that was asked about.
    ConsentTargetMismatch => "consent_target_mismatch", 409, false, "Consent for another target",
        "Consent was given for another target than the one that was asked about. Open a new link and sign in to the right one.";
    /// The connection is not the one any more for which the link was made.
    ConsentConnectionChanged => "consent_connection_changed", 409, false, "Connection changed",
        "The connection has changed since the consent link was made. Ask whoever sent it for a new one.";
    /// Another operation holds the target.
    ScopeBusy => "scope_busy", 409, true, "Scope busy",
        "Another operation is active on the same target: see active_run.";
    /// The run is over.
    RunAlreadyCompleted => "run_already_completed", 409, false, "Run already completed",
        "The run is over and does not change any more.";
    /// The first request with this key is under way.
    IdempotencyInProgress => "idempotency_in_progress", 409, true, "Request in progress",
        "The first request with this Idempotency-Key is still under way. Send the same one again.";
    /// The answer held a secret, and is not repeated.
    SecretAlreadyShown => "secret_already_shown", 409, false, "Secret already shown",
        "The request was made before, and its answer showed a secret, which is shown once. Make a new one with another key.";
    /// Force only comes after asking.
    CancelNotRequested => "cancel_not_requested", 409, false, "Cancel not requested",
        "A run is forced to its end only after it was asked to end and did not. Cancel it first. A group ends when its runs have: force those.";
    /// The time for ending by itself is not over.
    ForceCancelTooEarly => "force_cancel_too_early", 409, true, "Force-cancel too early",
        "The run was asked to end and has time to do so: see force_cancel_available_at.";
    /// Nothing is wrong with the run.
    RunIsAlive => "run_is_alive", 409, true, "Run is alive",
        "A worker holds the run, or it has not waited long enough to count as stuck. Cancel it if it is not wanted.";
    /// The workspace has as many webhooks as it may have.
    WebhookLimitReached => "webhook_limit_reached", 409, false, "Too many webhooks",
        "The workspace has as many webhooks as it may have. Delete one that is not needed.";
    /// Nobody has proved that the receiver is there.
    WebhookNotVerified => "webhook_not_verified", 409, false, "Webhook not verified",
        "The receiver has not proved yet that it is there. Ask for a verification, and enable the webhook after that.";
    /// Nothing goes to the webhook at present.
    WebhookNotEnabled => "webhook_not_enabled", 409, false, "Webhook not enabled",
        "Nothing is sent to this webhook at present: see its state. Verify or enable it first.";
    /// The delivery waits for its next attempt already, or is none that can be repeated.
    DeliveryNotRepeatable => "delivery_not_repeatable", 409, false, "Delivery not repeatable",
        "The delivery is waiting for its next attempt already, or is a verification. Ask for another verification instead.";
    /// What the delivery told of is not kept any more.
    DeliveryEventPruned => "delivery_event_pruned", 410, false, "Event of the delivery pruned",
        "The event of this delivery is not kept any more, so its message cannot be made again. Read what it was about anew.";
    /// What follows the number is not kept any more.
    EventsPruned => "events_pruned", 410, false, "Events pruned",
        "Events after this number are not kept any more: the oldest is first_sequence. Read what you need anew, then go on from last_sequence.";
    /// The entity tag is not the present one.
    PreconditionFailed => "precondition_failed", 412, false, "Precondition failed",
        "The resource has changed since it was read. Read it again, then repeat the change.";
    /// The body is too large.
    PayloadTooLarge => "payload_too_large", 413, false, "Payload too large",
        "The body is larger than this installation accepts.";
    /// The address is too long.
    UriTooLong => "uri_too_long", 414, false, "Address too long",
        "The address of the request is longer than this installation accepts.";
    /// The body is announced as something else than JSON.
    UnsupportedMediaType => "unsupported_media_type", 415, false, "Unsupported media type",
        "Send the body as application/json.";
    /// A value that the field cannot have.
    InvalidValue => "invalid_value", 422, false, "Invalid value",
        "A field is missing or holds a value that it cannot have: see errors.";
    /// A field that does not exist.
    UnknownField => "unknown_field", 422, false, "Unknown field",
        "The body has a field that does not exist: see errors.";
    /// NUL, an escape sequence or the like.
    ControlCharacter => "control_character", 422, false, "Control character",
        "A text holds a character that cannot be printed: see errors.";
    /// The body names something that is not here.
    InvalidReference => "invalid_reference", 422, false, "Invalid reference",
        "The body names something that is not in this workspace: see errors.";
    /// Nothing may be sent to this address.
    WebhookUrlInvalid => "webhook_url_invalid", 422, false, "Invalid webhook address",
        "Webhooks go to public https addresses, without a user and a fragment, on ports that belong to no other service: see errors.";
    /// The input does not describe a target.
    TargetScopeInvalid => "target_scope_invalid", 422, false, "Invalid target scope",
        "The input does not describe a target that can be connected: see errors.";
    /// A platform connection has no credential of its own.
    CredentialNotAllowed => "credential_not_allowed", 422, false, "Credential not allowed",
        "A platform connection uses the identity of the installation and takes no credential.";
    /// Another identity needs a credential of its own.
    CredentialRequired => "credential_required", 422, false, "Credential required",
        "A stored credential belongs to the target and client that it was stored for. Send a new one along.";
    /// A way back that is not configured.
    ReturnToNotAllowed => "return_to_not_allowed", 422, false, "Return address not allowed",
        "The return address must lie on one of the front-end origins that this installation is configured with.";
    /// No such operation type.
    UnknownOperationType => "unknown_operation_type", 422, false, "Unknown operation type",
        "There is no such operation type. GET /api/v1/operation-types lists them.";
    /// Stored facts forbid the operation.
    OperationBlocked => "operation_blocked", 422, false, "Operation blocked",
        "Stored facts forbid the operation: see reason_code and next_steps.";
    /// The key names a request with another body.
    IdempotencyKeyReused => "idempotency_key_reused", 422, false, "Idempotency key reused",
        "This Idempotency-Key was sent with another body. Use a new key for a new request.";
    /// `If-Match` is missing.
    PreconditionRequired => "precondition_required", 428, false, "Precondition required",
        "Send If-Match with the entity tag of the representation that you read.";
    /// Too many streams are open.
    TooManyStreams => "too_many_streams", 429, true, "Too many streams",
        "You have too many event streams open, or this installation has. Close one, or try again later.";
    /// The headers are too large.
    HeadersTooLarge => "headers_too_large", 431, false, "Headers too large",
        "The headers of the request are larger than this installation accepts.";
    /// A defect of this product.
    InternalError => "internal_error", 500, false, "Internal error",
        "The request failed for a reason inside this installation. Name the request id when you report it.";
    /// The store does not answer.
    StoreUnavailable => "store_unavailable", 503, true, "Store unavailable",
        "The installation cannot reach its data at the moment. Try again later.";
    /// Lost a race that the next try may win.
    TryAgain => "try_again", 503, true, "Try again",
        "Others changed the same thing at the same moment. The same request may work at once.";
}

impl Code {
    /// The prefix of every `type`.
    const TYPE_PREFIX: &str = "urn:tenantatlas:problem:";

    /// The HTTP status.
    pub(crate) fn status(self) -> StatusCode {
        StatusCode::from_u16(self.number()).expect("the table holds statuses")
    }

    /// The problem type (RFC 9457, 3.1.1).
    pub(crate) fn type_uri(self) -> String {
        format!("{}{}", Self::TYPE_PREFIX, self.as_str())
    }

    /// The headers that always come with this code.
    pub(crate) fn headers(self) -> Vec<(HeaderName, HeaderValue)> {
        match self.number() {
            401 => vec![(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))],
            503 => vec![(RETRY_AFTER, HeaderValue::from_static("1"))],
            _ => Vec::new(),
        }
    }
}

/// The catalogue as text: code, status, whether it is retryable, title; one problem a line.
pub fn problems_listing() -> String {
    Code::ALL.iter().fold(String::new(), |mut text, code| {
        writeln!(
            text,
            "{} {} {} {}",
            code.as_str(),
            code.number(),
            code.retryable(),
            code.title()
        )
        .expect("writing to a string works");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_in_snake_case_and_ordered_by_status() {
        let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        for code in codes {
            assert!(
                code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{code}"
            );
        }
        assert!(Code::ALL.is_sorted_by_key(|code| code.number()));
        assert!(
            Code::ALL
                .iter()
                .all(|code| code.status().as_u16() == code.number())
        );
    }

    #[test]
    fn the_listing_has_one_line_for_each_problem() {
        let listing = problems_listing();
        assert_eq!(listing.lines().count(), Code::ALL.len());
        assert!(listing.contains("scope_busy 409 true Scope busy\n"), "{listing}");
        assert!(
            listing.contains("unauthenticated 401 false Not authenticated\n"),
            "{listing}"
        );
    }
}
