//! How long to wait before a request is made again, and when to give up. Waits at least what the
//! service asked for; a wait that outlasts the run's budget hands the run back instead.

use std::time::Duration;

use kernel::Timestamp;
use provider_core::{ProviderFailure, ReasonCode, Retry};

use crate::{http::http_date, pulse::Pulse};

/// The longest pause that we choose ourselves.
const LONGEST_OWN: Duration = Duration::from_mins(1);
/// The first one.
const FIRST_OWN: Duration = Duration::from_secs(1);
/// Added by chance to what the service asked for, so that waiting runs do not return as one.
const SPREAD: Duration = Duration::from_millis(500);
/// What "at once" becomes.
const LEAST_TOLD: Duration = Duration::from_millis(500);
/// Nobody means a longer pause than this.
const LONGEST_TOLD: Duration = Duration::from_hours(7 * 24);

/// What a `Retry-After` asks for: seconds, also with decimals or below zero as seen in the wild,
/// or a date (RFC 9110, 10.2.3). Nothing for garbage.
pub(crate) fn told(header: &str, answered_at: Timestamp) -> Option<Duration> {
    let text = header.trim();
    let number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+');
    let wait = if !text.is_empty() && text.bytes().all(number) {
        let millis = (text.parse::<f64>().ok()? * 1000.0).ceil();
        Duration::from_secs_f64(millis.clamp(0.0, LONGEST_TOLD.as_secs_f64() * 1000.0) / 1000.0)
    } else {
        (http_date(text)? - answered_at).to_std().unwrap_or_default()
    };
    Some(wait.clamp(LEAST_TOLD, LONGEST_TOLD))
}

/// Whether a reason may pass by itself.
pub(crate) const fn transient(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::ProviderThrottled | ReasonCode::ProviderUnavailable | ReasonCode::ProviderUnreachable
    )
}

/// The patience for one request: how often it was made and how long was waited for it.
pub(crate) struct Patience<'a> {
    pulse: &'a Pulse<'a>,
    attempts: u32,
    made: u32,
    least: Duration,
    spent: Duration,
    hands_back: bool,
}

impl<'a> Patience<'a> {
    pub(crate) const fn new(pulse: &'a Pulse<'a>, attempts: u32, least: Duration) -> Self {
        Self {
            pulse,
            attempts,
            made: 0,
            least,
            spent: Duration::ZERO,
            hands_back: true,
        }
    }

    /// For a request without which the run goes on: where another one would hand the run back, this
    /// one is given up.
    pub(crate) const fn never_handing_back(self) -> Self {
        Self {
            hands_back: false,
            ..self
        }
    }

    /// Counts an attempt that is about to be made, from 1.
    pub(crate) const fn attempt(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    /// What an answer that may be better later asks for: a wait, or giving up. The run is handed
    /// back when the service asks for more patience than the run has, and ended when the attempts
    /// are used up for a reason that waiting would not cure, or when it is never handed back.
    pub(crate) fn plan(&self, reason: ReasonCode, told: Option<Duration>) -> Plan {
        let length = self.length(reason, told);
        let last = self.made >= self.attempts;
        let patient = self.spent + length <= self.budget();
        let asked = told.is_some() || reason == ReasonCode::ProviderThrottled;
        let step = if !last && patient {
            Step::Wait
        } else if self.hands_back && (asked || !last) {
            Step::HandBack
        } else {
            Step::GiveUp
        };
        Plan {
            reason,
            length,
            asked,
            step,
        }
    }

    /// Does what was planned.
    pub(crate) async fn follow(&mut self, plan: Plan) -> Result<(), ProviderFailure> {
        let Plan { reason, length, .. } = plan;
        let retry = match plan.step {
            Step::Wait => {
                let (attempt, wait_ms) = (self.made, length.as_millis());
                tracing::debug!(attempt, wait_ms, reason = reason.as_str(), "waiting");
                self.spent += length;
                return Ok(self.pulse.wait(length).await?);
            }
            Step::HandBack => Retry::After(length),
            Step::GiveUp => Retry::Never,
        };
        Err(ProviderFailure::Provider { reason, retry })
    }

    /// Waits for a turn that comes after `length`, or hands the run back, or gives up, with nothing
    /// sent.
    pub(crate) async fn turn(&mut self, length: Duration) -> Result<(), ProviderFailure> {
        if self.spent + length > self.budget() {
            let retry = if self.hands_back {
                Retry::After(length)
            } else {
                Retry::Never
            };
            return Err(ProviderFailure::Provider {
                reason: ReasonCode::ProviderThrottled,
                retry,
            });
        }
        self.spent += length;
        Ok(self.pulse.wait(length).await?)
    }

    /// A request without which the run can go on waits for nothing.
    fn budget(&self) -> Duration {
        if self.attempts <= 1 {
            Duration::ZERO
        } else {
            self.pulse.budget()
        }
    }

    /// What was told and a little more, or full jitter under a ceiling that doubles.
    fn length(&self, reason: ReasonCode, told: Option<Duration>) -> Duration {
        if let Some(told) = told {
            return told + self.pulse.draw(SPREAD);
        }
        let least = if reason == ReasonCode::ProviderThrottled {
            self.least.max(FIRST_OWN)
        } else {
            self.least
        };
        let doublings = self.made.saturating_sub(1).min(16);
        let ceiling = FIRST_OWN.saturating_mul(1 << doublings).min(LONGEST_OWN);
        self.pulse.draw(ceiling).max(least)
    }
}

/// What to do after an answer that may be better later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    reason: ReasonCode,
    length: Duration,
    /// Whether the service asked for the wait.
    asked: bool,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Wait,
    HandBack,
    GiveUp,
}

impl Plan {
    /// What the run loses by it, whether it waits itself or comes back later.
    pub(crate) const fn lost(&self) -> Duration {
        match self.step {
            Step::Wait | Step::HandBack => self.length,
            Step::GiveUp => Duration::ZERO,
        }
    }

    /// The reason, when there is no use in trying again.
    pub(crate) fn given_up(&self) -> Option<ReasonCode> {
        (self.step == Step::GiveUp).then_some(self.reason)
    }

    /// Which of several plans to follow: one that hands the run back, or else the longest wait.
    pub(crate) fn weight(&self) -> (bool, Duration) {
        (self.step == Step::HandBack, self.length)
    }

    /// For how long nobody may send, if that was asked for.
    pub(crate) fn closed_for(&self) -> Option<Duration> {
        self.asked.then_some(self.length)
    }
}

#[cfg(test)]
mod tests;
