//! The context of a run: what it was about and what it found, in neutral fields. A provider's
//! detail stands nested under `provider_context` and nowhere else.

use kernel::Timestamp;
use provider_core::{NextStep, NextStepKind, ProviderContext, ReasonCode, TargetScope, VerificationReport};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{GroupTally, execution_gate::RefusedAt};

/// The context. `target_scope` is a value here: it is shown as it was when the run was made, and
/// never read back to decide where to go. A worker reads the connection's row again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunContext {
    /// The six neutral fields; nothing for a run that was blocked for want of a connection.
    pub target_scope: Option<Value>,
    /// The provider's own detail.
    pub provider_context: ProviderContext,
    /// Why the run was blocked, failed or is incomplete.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason_code: Option<ReasonCode>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub next_steps: Vec<NextStepKind>,
    /// What a connection check found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verification_report: Option<VerificationReport>,
    /// Parts that were not assessed, by name, each with its reason.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub not_assessed: Vec<NotAssessed>,
    /// How a run whose worker was gone came to its end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reconciliation: Option<Reconciliation>,
    /// What became of the starts that a group holds together.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<GroupTally>,
    /// What the execution gate refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub execution_gate: Option<RefusedAt>,
}

/// A part that could not be looked at. Not a failure of the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotAssessed {
    /// The part, in neutral words.
    pub part: String,
    /// Why.
    pub reason_code: ReasonCode,
}

/// How a run whose worker was gone came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// Why it was ended.
    pub reason_code: ReasonCode,
    /// What the sweep found. Runs that were ended by an older version do not say it; the same goes for
    /// what follows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cause: Option<SweepCause>,
    /// When it was ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Timestamp>,
    /// Who held it last. A name inside the installation: for its operator, not for callers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lease_owner: Option<String>,
    /// How many attempts there had been.
    pub attempts: i32,
    /// How many of them lost their lease.
    #[serde(default)]
    pub lost_leases: i32,
}

/// What a sweep finds a run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepCause {
    /// Its worker gave no sign of life until the lease was over.
    LeaseLost,
    /// It waited for longer than a run may.
    QueueTimeout,
    /// It was worked at for longer than its type may.
    RunTimeout,
    /// It cannot be read any more.
    Unreadable,
    /// Nobody seemed to work at it, and somebody released it.
    Released,
}

impl SweepCause {
    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LeaseLost => "lease_lost",
            Self::QueueTimeout => "queue_timeout",
            Self::RunTimeout => "run_timeout",
            Self::Unreadable => "unreadable",
            Self::Released => "released",
        }
    }
}

impl RunContext {
    /// The context of a run on `scope`.
    pub fn of(scope: &TargetScope, provider_context: ProviderContext) -> Self {
        Self {
            target_scope: serde_json::to_value(scope).ok(),
            provider_context,
            ..Self::default()
        }
    }

    /// The same context with a reason and its next step.
    #[must_use]
    pub fn because(mut self, reason: ReasonCode) -> Self {
        self.reason_code = Some(reason);
        let step = reason.next_step().kind;
        self.next_steps = if step == NextStepKind::None {
            Vec::new()
        } else {
            vec![step]
        };
        self
    }

    /// The next steps with their words.
    pub fn steps(&self) -> Vec<NextStep> {
        self.next_steps.iter().map(|kind| kind.step()).collect()
    }
}
