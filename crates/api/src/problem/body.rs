//! The body of a problem, and its schema.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Code, FieldError};

/// A problem (RFC 9457). Some codes add members of their own, such as `active_run`,
/// `connection_id`, `required_capability`, `reason_code` and `next_steps`.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// The problem type; one for each code.
    #[serde(rename = "type")]
    #[schema(example = "urn:tenantatlas:problem:not_found")]
    type_uri: String,
    /// What it is, in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What it means for the caller. The same for every occurrence of the code.
    detail: &'static str,
    /// Names this occurrence.
    instance: String,
    /// The stable code to branch on; new ones may be added.
    #[schema(example = "not_found")]
    code: &'static str,
    /// The id under which the request stands in the log.
    request_id: String,
    /// Whether the same request may work later without any change.
    retryable: bool,
    /// The wrong places of the request, where they are known.
    errors: Vec<FieldErrorBody>,
    /// Members that only some codes have.
    #[serde(flatten)]
    #[schema(ignore)]
    members: Map<String, Value>,
}

/// One wrong place of a request.
#[derive(Serialize, ToSchema)]
#[schema(as = FieldError)]
pub(crate) struct FieldErrorBody {
    /// A JSON pointer (RFC 6901) into the body.
    #[schema(example = "/display_name")]
    pointer: String,
    /// What is wrong there.
    #[schema(example = "required")]
    code: &'static str,
}

impl ProblemBody {
    /// The media type.
    pub(crate) const CONTENT_TYPE: &str = "application/problem+json";

    /// The body of `code` for one request.
    pub(super) fn new(
        code: Code,
        errors: &[FieldError],
        request_id: &str,
        members: Map<String, Value>,
    ) -> Self {
        let errors = errors
            .iter()
            .map(|error| FieldErrorBody {
                pointer: error.pointer.clone(),
                code: error.code,
            })
            .collect();
        Self {
            type_uri: code.type_uri(),
            title: code.title(),
            status: code.status().as_u16(),
            detail: code.detail(),
            instance: format!("urn:tenantatlas:request:{request_id}"),
            code: code.as_str(),
            request_id: request_id.to_owned(),
            retryable: code.retryable(),
            errors,
            members,
        }
    }

    /// As text.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and values serialize")
    }
}
