//! The verification report: what a connection check looked at, what it found, what to do.
//! Stored in the context of the run that made it, and read from there.

use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ReasonCode;

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// As it should be.
    Pass,
    /// Not as it should be.
    Fail,
    /// Works, but needs attention.
    Warn,
    /// Not looked at, for the reason that is given.
    Skip,
}

/// How much a failed check matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For information.
    Info,
    /// Some operations suffer.
    Medium,
    /// An operation cannot work.
    High,
    /// Nothing works.
    Critical,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// A stable key, such as `identity.sign_in`.
    pub key: String,
    /// What was looked at, in words.
    pub title: String,
    /// How it ended.
    pub status: CheckStatus,
    /// How much it matters.
    pub severity: Severity,
    /// Whether a failure of it forbids all work.
    pub blocking: bool,
    /// Why, if it did not pass.
    pub reason_code: Option<ReasonCode>,
}

/// The whole in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overall {
    /// Everything passed.
    Ready,
    /// Something failed or warned.
    NeedsAttention,
    /// A blocking check failed.
    Blocked,
}

/// A report of one connection check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationReport {
    /// The version of this shape.
    pub schema_version: String,
    /// When it was made.
    pub generated_at: Timestamp,
    /// The whole in one word.
    pub overall: Overall,
    /// What was looked at, in the order in which it was looked at.
    pub checks: Vec<Check>,
    /// Equal for equal outcomes, whatever their order: 64 lower-case hexadecimal digits.
    pub fingerprint: String,
}

impl VerificationReport {
    /// The version of the shape that this code writes.
    pub const SCHEMA_VERSION: &'static str = "1.0.0";

    /// Makes the report of `checks`.
    pub fn new(checks: Vec<Check>, generated_at: Timestamp) -> Self {
        Self {
            schema_version: Self::SCHEMA_VERSION.to_owned(),
            generated_at,
            overall: overall(&checks),
            fingerprint: fingerprint(&checks),
            checks,
        }
    }
}

fn overall(checks: &[Check]) -> Overall {
    let attention = |check: &Check| matches!(check.status, CheckStatus::Fail | CheckStatus::Warn);
    if checks
        .iter()
        .any(|check| check.blocking && check.status == CheckStatus::Fail)
    {
        Overall::Blocked
    } else if checks.is_empty() || checks.iter().any(attention) {
        Overall::NeedsAttention
    } else {
        Overall::Ready
    }
}

fn fingerprint(checks: &[Check]) -> String {
    let mut lines: Vec<String> = checks
        .iter()
        .map(|check| {
            let reason = check.reason_code.map_or("", ReasonCode::as_str);
            format!(
                "{}\t{:?}\t{:?}\t{}\t{reason}\n",
                check.key, check.status, check.severity, check.blocking
            )
        })
        .collect();
    lines.sort_unstable();
    kernel::hex(&Sha256::digest(lines.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, status: CheckStatus, blocking: bool) -> Check {
        Check {
            key: key.to_owned(),
            title: key.to_owned(),
            status,
            severity: Severity::High,
            blocking,
            reason_code: None,
        }
    }

    #[test]
    fn the_worst_check_decides() {
        let report = |checks: Vec<Check>| VerificationReport::new(checks, Timestamp::default()).overall;
        assert_eq!(
            report(vec![]),
            Overall::NeedsAttention,
            "nothing looked at is not ready"
        );
        assert_eq!(report(vec![check("a", CheckStatus::Pass, true)]), Overall::Ready);
        assert_eq!(
            report(vec![check("a", CheckStatus::Fail, false)]),
            Overall::NeedsAttention
        );
        assert_eq!(
            report(vec![check("a", CheckStatus::Fail, true)]),
            Overall::Blocked
        );
    }

    #[test]
    fn the_fingerprint_ignores_order_and_sees_severity() {
        let (a, b) = (
            check("a", CheckStatus::Pass, true),
            check("b", CheckStatus::Fail, false),
        );
        let print = |checks: Vec<Check>| VerificationReport::new(checks, Timestamp::default()).fingerprint;
        assert_eq!(
            print(vec![a.clone(), b.clone()]),
            print(vec![b.clone(), a.clone()])
        );
        let milder = Check {
            severity: Severity::Info,
            ..b.clone()
        };
        assert_ne!(print(vec![a.clone(), b]), print(vec![a, milder]));
    }
}
