//! Faults on demand: what can go wrong, and which answer stands for it.
//!
//! Statuses and bodies follow the Microsoft Graph error, throttling and best-practice pages; a throttled token
//! request is plain text, as public reports show. A fault knows nothing of the tenant's content.

mod answers;
mod bend;
mod retry_after;
mod stream;

use axum::response::Response;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::exchange::Ids;

pub(crate) use answers::{json_answer, throttled, with_type};
pub(crate) use retry_after::{allowed_at, is_sendable, with_retry_after};

/// The deepest document that can be asked for: it is made in memory.
const DEEPEST: u32 = 1_000_000;

/// A fault for the next requests whose path and query contain a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Text to look for; empty matches every request.
    pub path_contains: String,
    /// How many requests it hits.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens to them.
    pub kind: FaultKind,
}

fn once() -> u32 {
    1
}

/// What a fault does. In JSON the variant is the `type` member, in snake case.
///
/// A `retry_after` is the raw value of the header: `"3"`, `"0"`, `"-1"`, `"0.249"`, `"150100"`, `"soon"`. The form
/// `"date+30"` is sent as the HTTP date so many seconds after the simulator's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// 429; plain text on the token path.
    Throttled {
        /// Value of `Retry-After`; the real services sometimes leave it out.
        retry_after: Option<String>,
    },
    /// 429 as plain text, on Graph too.
    PlainThrottled {
        /// Value of `Retry-After`.
        retry_after: Option<String>,
    },
    /// 429 from Intune: the wait stands in a JSON document inside the message, and perhaps in the header.
    IntuneThrottled {
        /// Value of `Retry-After`.
        retry_after: Option<String>,
        /// `RetryAfter` inside the message; null when left out.
        nested: Option<String>,
    },
    /// 429 to every request from the first one on, each told to wait until the storm is over.
    Storm {
        /// How long it lasts by the simulator's clock.
        seconds: u32,
    },
    /// Any status with any body; the content type is JSON when the body is.
    Status {
        /// HTTP status code.
        status: u16,
        /// Raw body.
        body: String,
    },
    /// A Graph error with any status, code and message.
    GraphError {
        /// HTTP status code.
        status: u16,
        /// `error.code`; may be empty.
        code: String,
        /// `error.message`.
        #[serde(default)]
        message: String,
    },
    /// 401 with the claims challenge of continuous access evaluation.
    InsufficientClaims,
    /// 401 as Intune answers it when a role is missing: two JSON documents inside the message.
    IntuneUnauthorized,
    /// 500 with code `UnknownError` and an empty message.
    ServerError,
    /// 503.
    ServiceUnavailable {
        /// Value of `Retry-After`.
        retry_after: Option<String>,
    },
    /// 503 as a web page of the gateway.
    ServiceUnavailableHtml {
        /// Value of `Retry-After`.
        retry_after: Option<String>,
    },
    /// 504 with code `UnknownError` and an empty message.
    GatewayTimeout,
    /// 200 with a web page, as a captive proxy would answer.
    Html,
    /// 200 with JSON announced and nothing in it.
    EmptyBody,
    /// 200 with a page that never ends while the client listens.
    Endless,
    /// 200 with a correct, empty page that is this big.
    Oversized {
        /// Size of the body.
        bytes: u64,
    },
    /// 200 with arrays inside each other.
    DeepJson {
        /// How many; at most 1,000,000 over HTTP and in a script.
        depth: u32,
    },
    /// 302.
    Redirect {
        /// Value of `Location`.
        location: String,
    },
    /// The true answer, cut in half: the connection ends before the announced length.
    Truncated,
    /// The true answer without a length, and the connection is dropped in its middle.
    ResetMidBody,
    /// The true answer, one byte at a time.
    SlowBody {
        /// How many bytes come alone; the rest follows at once.
        bytes: u32,
    },
    /// Half of the true answer, then silence until the client goes away.
    Stall,
    /// The true answer behind a byte order mark.
    ByteOrderMark,
    /// The true page; the first text of each row but its id holds a NUL character.
    NulInText,
    /// The true answer with another content type.
    ContentType {
        /// Value of `Content-Type`.
        value: String,
    },
    /// The true page with rows that break the contract.
    OddRows {
        /// In which way.
        oddity: Oddity,
    },
    /// The true page without its `value`.
    MissingValue,
    /// The true answer with the headers that announce the end of the call (`Deprecation`, `Sunset`, `Link`).
    Deprecated {
        /// Value of `Sunset`: an HTTP date.
        sunset: String,
    },
    /// The true page, with this as its `@odata.nextLink`.
    NextLink {
        /// The link; may be relative, foreign, or a loop.
        url: String,
    },
    /// The true page with a link to itself.
    SelfLink,
    /// The true page with a link to the same rows once more: duplicates, but no loop.
    RepeatedPage,
    /// No items and a link to the page that was asked for: legal, and no item is lost.
    EmptyPage,
    /// `/$count` with a byte order mark before the number.
    CountWithMark,
    /// The token endpoint issues a token for another tenant than the one in the URL.
    WrongTenantToken {
        /// Tenant that is written into the token.
        tid: Uuid,
    },
}

/// How the rows of a page break the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// Texts are numbers, everything else is text.
    WrongTypes,
    /// Every property but the id is null.
    Nulls,
    /// The id is null as well.
    NullIds,
    /// All rows have the id of the first.
    DuplicateIds,
    /// The first row is not an object.
    NotAnObject,
}

/// When the answer of a fault is made.
enum Stage {
    /// In place of the true answer.
    Instead,
    /// By the handler, while it makes the true answer.
    During,
    /// From the true answer.
    After,
}

impl FaultKind {
    fn stage(&self) -> Stage {
        match self {
            Self::Throttled { .. }
            | Self::PlainThrottled { .. }
            | Self::IntuneThrottled { .. }
            | Self::Storm { .. }
            | Self::Status { .. }
            | Self::GraphError { .. }
            | Self::InsufficientClaims
            | Self::IntuneUnauthorized
            | Self::ServerError
            | Self::ServiceUnavailable { .. }
            | Self::ServiceUnavailableHtml { .. }
            | Self::GatewayTimeout
            | Self::Html
            | Self::EmptyBody
            | Self::Endless
            | Self::Oversized { .. }
            | Self::DeepJson { .. }
            | Self::Redirect { .. } => Stage::Instead,
            Self::SelfLink
            | Self::RepeatedPage
            | Self::EmptyPage
            | Self::CountWithMark
            | Self::WrongTenantToken { .. } => Stage::During,
            Self::Truncated
            | Self::ResetMidBody
            | Self::SlowBody { .. }
            | Self::Stall
            | Self::ByteOrderMark
            | Self::NulInText
            | Self::ContentType { .. }
            | Self::OddRows { .. }
            | Self::MissingValue
            | Self::Deprecated { .. }
            | Self::NextLink { .. } => Stage::After,
        }
    }

    /// Whether the true answer is made first and then changed, by the handler or afterwards.
    pub(crate) fn needs_answer(&self) -> bool {
        !matches!(self.stage(), Stage::Instead)
    }

    /// The answer in place of the true one.
    pub(crate) fn answer(&self, ids: &Ids, login: bool) -> Response {
        answers::instead(self, ids, login)
    }

    /// Changes the true answer after it was made.
    pub(crate) async fn reshape(&self, response: Response) -> Response {
        match self.stage() {
            Stage::After => bend::reshape(self, response).await,
            Stage::Instead | Stage::During => response,
        }
    }

    /// What cannot be sent, named by its member; for files and calls that people write.
    pub(crate) fn complaint(&self) -> Option<&'static str> {
        let sendable = |value: &Option<String>| value.as_deref().is_none_or(is_sendable);
        match self {
            Self::Status { status, .. } | Self::GraphError { status, .. } if !(200..600).contains(status) => {
                Some("fault.status: must be between 200 and 599")
            }
            Self::Throttled { retry_after }
            | Self::PlainThrottled { retry_after }
            | Self::IntuneThrottled { retry_after, .. }
            | Self::ServiceUnavailable { retry_after }
            | Self::ServiceUnavailableHtml { retry_after }
                if !sendable(retry_after) =>
            {
                Some("fault.retry_after: cannot be the value of a header")
            }
            Self::Redirect { location: value }
            | Self::ContentType { value }
            | Self::Deprecated { sunset: value }
                if !is_sendable(value) =>
            {
                Some("fault: a value cannot be that of a header")
            }
            Self::DeepJson { depth } if *depth > DEEPEST => Some("fault.depth: must be at most 1000000"),
            Self::Storm { seconds: 0 } => Some("fault.seconds: must be at least 1"),
            _ => None,
        }
    }
}
