//! Asking Entra for an app-only access token with the client credentials grant (RFC 6749, 4.4;
//! identity platform page "OAuth 2.0 client credentials flow"), always at the tenant's own address.
//!
//! Must never log or keep a token, a secret, or a word of an error description.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::{Clock, IdSource, SecretBytes, SecretText, Timestamp};
use provider_core::{ProviderFailure, ReasonCode};
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use crate::{
    errors::entra,
    http::Door,
    identity::Identity,
    jwt,
    proof::{Occasion, Proof},
    pulse::Pulse,
    retry,
    retry::Patience,
};

/// How often a token is asked for in one go.
const ATTEMPTS: u32 = 3;
const LEAST_PAUSE: Duration = Duration::from_millis(500);
/// What Entra asks of clients that are told to slow down, when it does not say.
const THROTTLED: Duration = Duration::from_mins(1);
/// How long before its end a token counts as spent. Microsoft's own libraries use the same.
const EARLY: TimeDelta = TimeDelta::minutes(5);
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
    spent_at: Timestamp,
    ends_at: Timestamp,
}

impl AccessToken {
    /// How long ago it was asked for.
    pub(crate) fn age(&self, now: Timestamp) -> TimeDelta {
        now - self.asked_at
    }

    /// Whether there is no reason for a new one.
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
    pub(crate) clock: &'a dyn Clock,
    pub(crate) pulse: &'a Pulse<'a>,
    pub(crate) identity: &'a Identity,
    pub(crate) proof: Proof<'a>,
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
    pub(crate) async fn send(self) -> Result<AccessToken, ProviderFailure> {
        let mut patience = Patience::new(self.pulse, ATTEMPTS, LEAST_PAUSE);
        let mut shift = None;
        loop {
            let attempt = patience.attempt();
            let asked_at = self.clock.now();
            let Refusal { reason, told, skew } = match self.exchange(attempt, shift.unwrap_or_default()).await
            {
                Ok(body) => return read(&body, self.identity, asked_at).map_err(ProviderFailure::ended),
                Err(refusal) => refusal,
            };
            if reason == ReasonCode::ProviderClockSkew
                && self.proof.has_own_times()
                && shift.is_none()
                && let Some(skew) = skew.filter(|skew| skew.abs() <= MOST_SHIFT)
            {
                tracing::warn!(skew_seconds = skew.num_seconds(), "the provider's clock differs");
                shift = Some(skew);
                self.pulse.beat().await?;
                continue;
            }
            if !retry::transient(reason) {
                return Err(ProviderFailure::ended(reason));
            }
            let throttled = (reason == ReasonCode::ProviderThrottled).then_some(THROTTLED);
            patience.wait(reason, told.or(throttled)).await?;
        }
    }

    /// One request: the body of a success, or what the answer means.
    async fn exchange(&self, attempt: u32, shift: TimeDelta) -> Result<SecretBytes, Refusal> {
        let (url, client) = (self.url(), self.identity.client);
        let occasion = Occasion {
            endpoint: &url,
            client,
            jti: self.ids.next_uuid(),
            now: self.clock.now() + shift,
        };
        let evidence = self.proof.evidence(&occasion).await.map_err(Refusal::of)?;
        let client = client.hyphenated().to_string();
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client.as_str()),
            ("scope", self.identity.endpoints.scope()),
        ];
        form.extend(evidence.parameters());
        let answer = match self
            .door
            .post_form(url.clone(), &form, self.ids.next_uuid())
            .await
        {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(contract = "token", attempt, error = %error, "no answer");
                return Err(Refusal::of(error.reason()));
            }
        };
        tracing::debug!(contract = "token", attempt, status = answer.status, request_id = ?answer.request_id);
        if answer.is_success() {
            return Ok(SecretBytes::new(answer.body));
        }
        let now = self.clock.now();
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

#[derive(Deserialize)]
struct Body {
    access_token: SecretText,
    expires_in: Seconds,
}

/// A number; older endpoints write it as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Text(String),
}

/// Those claims of an app-only token that we check (page "Access token claims reference").
#[derive(Deserialize)]
struct Claims {
    tid: Option<Uuid>,
    appid: Option<Uuid>,
    azp: Option<Uuid>,
    #[serde(default)]
    roles: Vec<String>,
}

/// Makes a token of a body, if it was issued for this tenant and this client.
fn read(body: &SecretBytes, identity: &Identity, asked_at: Timestamp) -> Result<AccessToken, ReasonCode> {
    const MISFIT: ReasonCode = ReasonCode::ProviderResponseInvalid;
    let Body {
        access_token,
        expires_in,
    } = serde_json::from_slice(body.expose()).map_err(|_| MISFIT)?;
    let seconds = match expires_in {
        Seconds::Number(number) => number,
        Seconds::Text(text) => text.parse().map_err(|_| MISFIT)?,
    };
    let life = TimeDelta::try_seconds(seconds.clamp(0, 2 * 86_400)).ok_or(MISFIT)?;
    let claims: Claims = jwt::claims(access_token.expose()).ok_or(MISFIT)?;
    if claims.tid != Some(identity.tenant) || claims.appid.or(claims.azp) != Some(identity.client) {
        return Err(ReasonCode::ProviderTargetScopeMismatch);
    }
    Ok(AccessToken {
        bearer: access_token,
        roles: claims.roles,
        asked_at,
        spent_at: asked_at + life - EARLY.min(life / 2),
        ends_at: asked_at + life,
    })
}

#[cfg(test)]
pub(crate) mod tests;
