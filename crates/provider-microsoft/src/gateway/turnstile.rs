//! The way through one limit: waiting for a turn before a request, and telling what came of it
//! afterwards, to the limiter and to the run.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::{Clock, Timestamp};
use provider_core::{CallOutcome, CallRecord, ProviderFailure, ReasonCode};
use uuid::Uuid;

use super::seen::Seen;
use crate::{
    limiter::{Key, Lesson, Limiter},
    pulse::Pulse,
    retry::{Patience, Plan},
};

/// One limit, as one operation meets it.
pub(crate) struct Turnstile<'a> {
    pub(crate) limiter: &'a Limiter,
    pub(crate) key: Key,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) pulse: &'a Pulse<'a>,
}

/// A request that was made.
#[derive(Clone, Copy)]
pub(crate) struct Attempt {
    pub(crate) call: &'static str,
    pub(crate) number: u32,
    /// Our name for the exchange.
    pub(crate) id: Uuid,
    pub(crate) began: Timestamp,
    /// How long the turn took to come.
    pub(crate) waited: Duration,
}

/// Whether the wait that an answer asks for is lost because of it.
#[derive(Clone, Copy)]
pub(crate) enum Charge {
    /// It is.
    Wait,
    /// Nobody waits because of it: another answer of the same exchange is waited for, and this one
    /// meanwhile, or the run goes on without.
    Nothing,
}

impl Turnstile<'_> {
    /// Waits until `cost` units may be used. Hands the run back, with nothing sent, when that
    /// would take longer than the run has. Tells how long it took.
    pub(crate) async fn turn(
        &self,
        cost: u32,
        patience: &mut Patience<'_>,
    ) -> Result<Duration, ProviderFailure> {
        let mut waited = Duration::ZERO;
        while let Err(wait) = self.limiter.admit(&self.key, cost, self.clock.now()) {
            patience.turn(wait).await?;
            waited += wait;
        }
        Ok(waited)
    }

    /// Takes a turn for one unit if it has come; waits for none.
    pub(crate) fn pass(&self) -> bool {
        self.limiter.admit(&self.key, 1, self.clock.now()).is_ok()
    }

    /// Whether the limit was closed since the turn came.
    pub(crate) fn is_closed(&self) -> bool {
        self.limiter.is_closed(&self.key, self.clock.now())
    }

    /// Tells what came of an attempt: `failed` with the reason, `plan` with what is done about it.
    pub(crate) fn settle(
        &self,
        attempt: Attempt,
        seen: &Seen,
        failed: Option<ReasonCode>,
        plan: Option<&Plan>,
    ) {
        self.settle_part(attempt, seen, failed, plan, Charge::Wait);
    }

    /// The same for one of several requests that went out together.
    pub(crate) fn settle_part(
        &self,
        attempt: Attempt,
        seen: &Seen,
        failed: Option<ReasonCode>,
        plan: Option<&Plan>,
        charge: Charge,
    ) {
        let now = self.clock.now();
        let outcome = match failed {
            None => CallOutcome::Answered,
            Some(ReasonCode::ProviderThrottled) => CallOutcome::Throttled,
            Some(reason) => CallOutcome::Failed(reason),
        };
        let closed = plan.and_then(Plan::closed_for);
        let throttled = outcome == CallOutcome::Throttled;
        if let Some(length) = closed {
            self.limiter
                .learn(&self.key, Lesson::Closed { length, throttled }, now);
        } else if outcome == CallOutcome::Answered {
            self.limiter
                .learn(&self.key, Lesson::Answered(seen.used_percent), now);
        }
        self.pulse.record(CallRecord {
            at: now,
            call: attempt.call,
            limit: self.key.limit.name(),
            attempt: attempt.number,
            outcome,
            status: seen.status,
            code: seen.code,
            request_id: seen.request_id,
            trace_id: seen.trace_id,
            correlation_id: seen.correlation_id.or(Some(attempt.id)),
            took: (now - attempt.began).to_std().unwrap_or_default(),
            lost: attempt.waited
                + match charge {
                    Charge::Wait => plan.map(Plan::lost).unwrap_or_default(),
                    Charge::Nothing => Duration::ZERO,
                },
            paused_until: closed
                .map(|length| now + TimeDelta::from_std(length).unwrap_or(TimeDelta::days(7))),
        });
    }
}
