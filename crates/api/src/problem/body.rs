//! The body of a problem, and its schema.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Code, FieldError};
use crate::views::{run::RunView, scope::NextStepView};

/// A problem (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
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
    #[serde(flatten)]
    members: &'a Members,
}

/// Members that only some problems have.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ProblemMembers)]
pub(crate) struct Members {
    /// With `invalid_query`: the parameter, unless there is none of this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameter: Option<String>,
    /// With `forbidden`: what the caller's role would have to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) required_capability: Option<&'static str>,
    /// With `duplicate_connection`: the connection that is there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_id: Option<Uuid>,
    /// With `scope_busy` and `connection_busy`: the run that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) active_run: Option<RunView>,
    /// With `force_cancel_too_early`: from when on it may be forced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) force_cancel_available_at: Option<DateTime<Utc>>,
    /// With `operation_blocked` and `credential_not_verified`: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason_code: Option<&'static str>,
    /// With `operation_blocked` and `credential_not_verified`: what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_steps: Option<Vec<NextStepView>>,
    /// With `events_pruned`: the number of the oldest event that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_sequence: Option<u64>,
    /// With `events_pruned`: the number of the newest event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_sequence: Option<u64>,
    /// With `operation_blocked`: the run that records it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<RunView>,
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

impl<'a> ProblemBody<'a> {
    /// The media type.
    pub(crate) const CONTENT_TYPE: &'static str = "application/problem+json";

    /// The body of `code` for one request.
    pub(super) fn new(code: Code, errors: &[FieldError], request_id: &str, members: &'a Members) -> Self {
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
