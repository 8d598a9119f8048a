//! What is known about a connection, as independent axes. None is derived from another: granted
//! is not verified, enabled is not healthy, and never looked at is its own answer.

use chrono::TimeDelta;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ReasonCode, RunId};

/// One axis: its value, why, since when, and which run last looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis<T> {
    /// The value.
    pub value: T,
    /// Why it is so; nothing when there is nothing to explain.
    pub reason: Option<ReasonCode>,
    /// Since when it has this value.
    pub since: Timestamp,
    /// When a run last looked, whether or not it found a change.
    pub checked_at: Option<Timestamp>,
    /// The run that last looked.
    pub run_id: Option<RunId>,
}

impl<T> Axis<T> {
    /// Whether the last look is longer ago than `stale_after`. An axis that nobody looked at is
    /// not stale: it says so itself.
    pub fn is_stale(&self, now: Timestamp, stale_after: TimeDelta) -> bool {
        self.checked_at.is_some_and(|checked| now - checked > stale_after)
    }
}

impl<T: Copy + PartialEq> Axis<T> {
    /// An axis that no run has looked at.
    pub const fn unobserved(value: T, since: Timestamp) -> Self {
        Self {
            value,
            reason: None,
            since,
            checked_at: None,
            run_id: None,
        }
    }

    /// The axis after somebody other than a run changed what is known at `at`: no run stands behind
    /// the new value.
    #[must_use]
    pub fn set(self, value: T, reason: Option<ReasonCode>, at: Timestamp) -> Self {
        if self.value == value && self.reason == reason {
            return self;
        }
        Self {
            value,
            reason,
            since: at,
            checked_at: None,
            run_id: None,
        }
    }

    /// The axis after a run looked at `at`. `since` moves only when value or reason changed.
    #[must_use]
    pub fn observed(self, value: T, reason: Option<ReasonCode>, at: Timestamp, run_id: RunId) -> Self {
        let since = if self.value == value && self.reason == reason {
            self.since
        } else {
            at
        };
        Self {
            value,
            reason,
            since,
            checked_at: Some(at),
            run_id: Some(run_id),
        }
    }
}

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable string.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The value that `text` names.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }
    };
}

states! {
    /// Whether the customer's administrator agreed.
    ConsentState {
        /// Nobody looked yet.
        Unknown => "unknown",
        /// Somebody has to agree first.
        Required => "required",
        /// A run proved it.
        Granted => "granted",
        /// It was refused.
        Failed => "failed",
        /// It was granted once and is gone.
        Revoked => "revoked",
    }
}

states! {
    /// What the last connection check found.
    VerificationState {
        /// Never checked: not the same as healthy.
        Unknown => "unknown",
        /// A check is on its way.
        Pending => "pending",
        /// Everything that was looked at works.
        Healthy => "healthy",
        /// Some operations will not work in full.
        Degraded => "degraded",
        /// Stored facts or the provider forbid all work.
        Blocked => "blocked",
        /// The check itself could not be completed.
        Error => "error",
    }
}

states! {
    /// What is known about the connection's credential without looking inside.
    CredentialState {
        /// None is stored.
        Missing => "missing",
        /// Stored, and not known to be near its end.
        Valid => "valid",
        /// Its end is near.
        Expiring => "expiring",
        /// Its end has passed.
        Expired => "expired",
        /// Stored, but it cannot be decrypted here.
        Undecryptable => "undecryptable",
    }
}

states! {
    /// Whether a requirement of an operation is met at the provider.
    RequirementState {
        /// Met.
        Granted => "granted",
        /// Not met.
        Missing => "missing",
        /// Nobody could tell.
        Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use kernel::{IdSource as _, SequentialIds};

    use super::*;

    #[test]
    fn since_moves_only_with_the_value() {
        let start = Timestamp::default();
        let run = RunId::from_uuid(SequentialIds::default().next_uuid());
        let later = start + TimeDelta::minutes(5);
        let axis = Axis::unobserved(VerificationState::Unknown, start);
        let healthy = axis.observed(VerificationState::Healthy, None, later, run);
        assert_eq!((healthy.since, healthy.checked_at), (later, Some(later)));
        let again = healthy.observed(VerificationState::Healthy, None, later + TimeDelta::hours(1), run);
        assert_eq!(again.since, later);
        assert_eq!(again.checked_at, Some(later + TimeDelta::hours(1)));
    }
}
