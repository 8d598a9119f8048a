//! The verification report as callers see it.

use chrono::{DateTime, Utc};
use provider_core::{Check, CheckStatus, Overall, ReasonCode, Severity, VerificationReport};
use serde::Serialize;
use utoipa::ToSchema;

/// What a connection check looked at and what it found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VerificationReport)]
pub(crate) struct VerificationReportView {
    /// The version of this shape.
    schema_version: String,
    /// When it was made.
    generated_at: DateTime<Utc>,
    /// The whole in one word: `ready`, `needs_attention` or `blocked`.
    #[schema(value_type = String)]
    overall: Overall,
    /// What was looked at, in the order in which it was looked at.
    checks: Vec<CheckView>,
    /// Equal for equal outcomes: 64 lower-case hexadecimal digits.
    fingerprint: String,
}

/// One thing that was looked at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VerificationCheck)]
struct CheckView {
    /// A stable key.
    #[schema(example = "identity.sign_in")]
    key: String,
    /// What was looked at, in words.
    title: String,
    /// `pass`, `fail`, `warn` or `skip`.
    #[schema(value_type = String)]
    status: CheckStatus,
    /// `info`, `medium`, `high` or `critical`.
    #[schema(value_type = String)]
    severity: Severity,
    /// Whether a failure of it forbids all work.
    blocking: bool,
    /// Why, if it did not pass.
    reason_code: Option<&'static str>,
}

impl From<&VerificationReport> for VerificationReportView {
    fn from(report: &VerificationReport) -> Self {
        let VerificationReport {
            schema_version,
            generated_at,
            overall,
            checks,
            fingerprint,
        } = report;
        Self {
            schema_version: schema_version.clone(),
            generated_at: *generated_at,
            overall: *overall,
            checks: checks.iter().map(CheckView::from).collect(),
            fingerprint: fingerprint.clone(),
        }
    }
}

impl From<&Check> for CheckView {
    fn from(check: &Check) -> Self {
        let Check {
            key,
            title,
            status,
            severity,
            blocking,
            reason_code,
        } = check;
        Self {
            key: key.clone(),
            title: title.clone(),
            status: *status,
            severity: *severity,
            blocking: *blocking,
            reason_code: reason_code.map(ReasonCode::as_str),
        }
    }
}
