//! Asking Entra for an app-only access token with the client credentials grant (RFC 6749, 4.4;
//! identity platform page "OAuth 2.0 client credentials flow"), always at the tenant's own address.
//!
//! Must never log or keep a token, a secret, or a word of an error description.

mod grant;

use std::time::Duration;

use chrono::TimeDelta;
use kernel::{IdSource, SecretBytes, SecretText, Timestamp};
use provider_core::{ProviderFailure, ReasonCode};
use url::Url;

use self::grant::read;
use crate::{
    errors::entra,
    gateway::{
        seen::Seen,
        turnstile::{Attempt, Charge, Turnstile},
    },
    http::{Answer, Door, TransportError},
    identity::Identity,
    proof::{Occasion, Proof},
    retry,
    retry::Patience,
};

/// How often a token is asked for in one go.
const ATTEMPTS: u32 = 3;
const LEAST_PAUSE: Duration = Duration::from_millis(500);
/// What Entra asks of clients that are told to slow down, when it does not say.
pub(crate) const THROTTLED: Duration = Duration::from_mins(1);
/// The least time that a token must still live to be sent.
const GRACE: TimeDelta = TimeDelta::seconds(30);
/// The most by which the times of an assertion are shifted. A clock may stand in the wrong time
/// zone; nobody is given an assertion that is good next year.
const MOST_SHIFT: TimeDelta = TimeDelta::hours(24);

/// A token in memory. No `Debug`: it holds a secret.
pub(crate) struct AccessToken {
    pub(crate) bearer: SecretText,
    /// The application permissions of the moment at which it was issued.
    pub(crate) roles: Vec<String>,
    asked_at: Timestamp,
    renew_at: Timestamp,
    spent_at: Timestamp,
    ends_at: Timestamp,
}

impl AccessToken {
    /// How long ago it was asked for.
    pub(crate) fn age(&self, now: Timestamp) -> TimeDelta {
        now - self.asked_at
    }

    /// Whether it is time for a new one, though this one still serves.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.renew_at <= now
    }

    /// Whether it can be sent without thinking of its end.
    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.spent_at
    }

    /// Whether it may still be sent when no new one can be had.
    pub(crate) fn is_usable(&self, now: Timestamp) -> bool {
        now + GRACE < self.ends_at
    }
}

/// What it takes to ask.
pub(crate) struct TokenRequest<'a> {
    pub(crate) door: &'a Door,
    pub(crate) ids: &'a dyn IdSource,
    pub(crate) turnstile: Turnstile<'a>,
    pub(crate) identity: &'a Identity,
    /// What the token must hold, as JSON, if Graph asked for it.
    pub(crate) claims: Option<&'a str>,
    pub(crate) proof: Proof<'a>,
}

/// How much a new token is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// Nothing can go on without it.
    Needed,
    /// The old one still serves: one attempt, and no waiting.
    Spare,
}

/// An answer that is no token.
struct Refusal {
    reason: ReasonCode,
    told: Option<Duration>,
    /// By how much the other side's clock is ahead of ours, if it says what time it has.
    skew: Option<TimeDelta>,
}

impl Refusal {
    const fn of(reason: ReasonCode) -> Self {
        Self {
            reason,
            told: None,
            skew: None,
        }
    }
}

impl TokenRequest<'_> {
    /// Asks, a few times if the service is not available, and once more with corrected times if
    /// it does not accept those of our assertion.
    pub(crate) async fn send(self, haste: Haste) -> Result<AccessToken, ProviderFailure> {
        let (attempts, charge) = match haste {
            Haste::Needed => (ATTEMPTS, Charge::Wait),
            // The run goes on with the old one, whatever the answer asks for.
            Haste::Spare => (1, Charge::Nothing),
        };
        let pulse = self.turnstile.pulse;
        let mut patience = Patience::new(pulse, attempts, LEAST_PAUSE);
        let mut shift = None;
        loop {
            let waited = self.turnstile.turn(1, &mut patience).await?;
            let attempt = Attempt {
                call: "token",
                number: patience.attempt(),
                id: self.ids.next_uuid(),
                began: self.turnstile.clock.now(),
                waited,
            };
            // Made after the wait: an assertion is good for a few minutes only.
            let exchange = self.exchange(attempt, shift.unwrap_or_default());
            let answer = exchange.await.map_err(ProviderFailure::ended)?;
            let seen = Seen::sign_in(&answer);
            let refusal = match self.understand(answer, attempt.began) {
                Ok(token) => {
                    self.turnstile.settle(attempt, &seen, None, None);
                    return Ok(token);
                }
                Err(refusal) => refusal,
            };
            let Refusal { reason, told, skew } = refusal;
            let throttled = (reason == ReasonCode::ProviderThrottled).then_some(THROTTLED);
            let plan = retry::transient(reason).then(|| patience.plan(reason, told.or(throttled)));
            self.turnstile
                .settle_part(attempt, &seen, Some(reason), plan.as_ref(), charge);
            if reason == ReasonCode::ProviderClockSkew
                && self.proof.has_own_times()
                && shift.is_none()
                && let Some(skew) = skew.filter(|skew| skew.abs() <= MOST_SHIFT)
            {
                tracing::warn!(skew_seconds = skew.num_seconds(), "the provider's clock differs");
                shift = Some(skew);
                pulse.beat().await?;
                continue;
            }
            match plan {
                Some(plan) => patience.follow(plan).await?,
                None => return Err(ProviderFailure::ended(reason)),
            }
        }
    }

    /// One request. Fails when there is nothing to prove ourselves with.
    async fn exchange(
        &self,
        attempt: Attempt,
        shift: TimeDelta,
    ) -> Result<Result<Answer, TransportError>, ReasonCode> {
        let (url, client) = (self.url(), self.identity.client);
        let occasion = Occasion {
            endpoint: &url,
            client,
            jti: self.ids.next_uuid(),
            now: self.turnstile.clock.now() + shift,
        };
        let evidence = self.proof.evidence(&occasion).await?;
        let client = client.hyphenated().to_string();
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client.as_str()),
            ("scope", self.identity.endpoints.scope()),
        ];
        form.extend(self.claims.map(|claims| ("claims", claims)));
        form.extend(evidence.parameters());
        let answer = self.door.post_form(url.clone(), &form, attempt.id).await;
        let number = attempt.number;
        match &answer {
            Ok(answer) => {
                tracing::debug!(contract = "token", attempt = number, status = answer.status, request_id = ?answer.request_id);
            }
            Err(error) => tracing::debug!(contract = "token", attempt = number, error = %error, "no answer"),
        }
        Ok(answer)
    }

    /// What an answer means.
    fn understand(
        &self,
        answer: Result<Answer, TransportError>,
        asked_at: Timestamp,
    ) -> Result<AccessToken, Refusal> {
        let answer = answer.map_err(|error| Refusal::of(error.reason()))?;
        if answer.is_success() {
            let body = SecretBytes::new(answer.body);
            let draw = |ceiling| self.turnstile.pulse.draw(ceiling);
            return read(&body, self.identity, asked_at, draw).map_err(Refusal::of);
        }
        let now = self.turnstile.clock.now();
        let told = answer
            .retry_after
            .as_deref()
            .and_then(|text| retry::told(text, answer.date.unwrap_or(now)));
        Err(Refusal {
            reason: self.proof.judge(entra::classify(answer.status, &answer.body)),
            told,
            skew: answer.date.map(|date| date - now),
        })
    }

    fn url(&self) -> Url {
        let mut url = self.identity.endpoints.login().clone();
        url.set_path(&format!(
            "/{}/oauth2/v2.0/token",
            self.identity.tenant.hyphenated()
        ));
        url
    }
}

#[cfg(test)]
pub(crate) mod tests;
