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
}

impl<'a> Patience<'a> {
    pub(crate) const fn new(pulse: &'a Pulse<'a>, attempts: u32, least: Duration) -> Self {
        Self {
            pulse,
            attempts,
            made: 0,
            least,
            spent: Duration::ZERO,
        }
    }

    /// Counts an attempt that is about to be made, from 1.
    pub(crate) const fn attempt(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    /// Waits before the next attempt, or gives up: the run is handed back when the service asks
    /// for more patience than the run has, and ended when the attempts are used up for a reason
    /// that waiting would not cure.
    pub(crate) async fn wait(
        &mut self,
        reason: ReasonCode,
        told: Option<Duration>,
    ) -> Result<(), ProviderFailure> {
        let length = self.length(told);
        let last = self.made >= self.attempts;
        let patient = self.spent + length <= self.pulse.budget();
        if last || !patient {
            let hand_back = told.is_some() || reason == ReasonCode::ProviderThrottled || (!last && !patient);
            let retry = if hand_back {
                Retry::After(length)
            } else {
                Retry::Never
            };
            return Err(ProviderFailure::Provider { reason, retry });
        }
        self.spent += length;
        tracing::debug!(
            attempt = self.made,
            wait_ms = length.as_millis(),
            reason = reason.as_str(),
            "waiting"
        );
        self.pulse.wait(length).await?;
        Ok(())
    }

    /// What was told and a little more, or full jitter under a ceiling that doubles.
    fn length(&self, told: Option<Duration>) -> Duration {
        if let Some(told) = told {
            return told + self.pulse.draw(SPREAD);
        }
        let doublings = self.made.saturating_sub(1).min(16);
        let ceiling = FIRST_OWN.saturating_mul(1 << doublings).min(LONGEST_OWN);
        self.pulse.draw(ceiling).max(self.least)
    }
}

#[cfg(test)]
mod tests;
