//! The words for where a run stands, how it ended, and whether what it says can be trusted.

use tenancy::AuditOutcome;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Waits for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// Over.
    Completed,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunOutcome {
    /// As asked.
    Succeeded,
    /// In part; the context says which parts are missing.
    PartiallySucceeded,
    /// Refused before any work, by stored facts.
    Blocked,
    /// Not.
    Failed,
    /// Canceled on request.
    Canceled,
}

impl RunStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Queued, Self::Running, Self::Completed];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
        }
    }

    /// The status that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether a run in this status holds its scope. The partial unique index says the same.
    pub const fn is_active(self) -> bool {
        match self {
            Self::Queued | Self::Running => true,
            Self::Completed => false,
        }
    }
}

impl RunOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Succeeded,
        Self::PartiallySucceeded,
        Self::Blocked,
        Self::Failed,
        Self::Canceled,
    ];

    /// What stands in place of an outcome while a run is active.
    pub const PENDING: &'static str = "pending";

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::PartiallySucceeded => "partially_succeeded",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// The outcome that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// Statuses that are asked for together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusGroup {
    /// Those in which a run holds its scope.
    Active,
    /// Those in which it is over.
    Terminal,
}

impl StatusGroup {
    /// Every group.
    pub const ALL: [Self; 2] = [Self::Active, Self::Terminal];

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Terminal => "terminal",
        }
    }

    /// The group that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == text)
    }

    /// What belongs to it.
    pub const fn statuses(self) -> &'static [RunStatus] {
        match self {
            Self::Active => &[RunStatus::Queued, RunStatus::Running],
            Self::Terminal => &[RunStatus::Completed],
        }
    }
}

/// Derived: whether what a run says of itself can still be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Active, and a sign of life is recent.
    FreshActive,
    /// Active, but the lease is over: a sweep will look at it.
    LikelyStale,
    /// Ended by the sweep.
    ReconciledFailed,
    /// Ended by its worker.
    TerminalNormal,
}

impl Freshness {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::FreshActive,
        Self::LikelyStale,
        Self::ReconciledFailed,
        Self::TerminalNormal,
    ];

    /// The kind that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|freshness| freshness.as_str() == text)
    }

    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FreshActive => "fresh_active",
            Self::LikelyStale => "likely_stale",
            Self::ReconciledFailed => "reconciled_failed",
            Self::TerminalNormal => "terminal_normal",
        }
    }
}

/// How the end of a run is judged in the audit log: a run that was refused or failed is a
/// failure; one that succeeded in part, or was ended as asked, is not.
pub const fn audit_outcome(outcome: RunOutcome) -> AuditOutcome {
    match outcome {
        RunOutcome::Succeeded | RunOutcome::PartiallySucceeded | RunOutcome::Canceled => {
            AuditOutcome::Success
        }
        RunOutcome::Blocked | RunOutcome::Failed => AuditOutcome::Failure,
    }
}
