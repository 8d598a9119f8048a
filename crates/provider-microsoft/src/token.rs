//! Asking Entra for an app-only access token with the client credentials grant (RFC 6749, 4.4;
//! identity platform page "OAuth 2.0 client credentials flow"), always at the tenant's own address.
//!
//! Must never log or keep a token, a secret, or a word of an error description.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use kernel::{Clock, IdSource, SecretBytes, SecretText, Timestamp};
use provider_core::{ProviderFailure, ReasonCode};
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use crate::{errors::entra, http::Door, identity::Identity, pulse::Pulse, retry, retry::Patience};

/// How often a token is asked for in one go.
const ATTEMPTS: u32 = 3;
const LEAST_PAUSE: Duration = Duration::from_millis(500);
/// What Entra asks of clients that are told to slow down, when it does not say.
const THROTTLED: Duration = Duration::from_mins(1);
/// How long before its end a token counts as spent. Microsoft's own libraries use the same.
const EARLY: TimeDelta = TimeDelta::minutes(5);
/// The least time that a token must still live to be sent.
const GRACE: TimeDelta = TimeDelta::seconds(30);

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
    pub(crate) secret: &'a SecretText,
}

impl TokenRequest<'_> {
    /// Asks, a few times if the service is not available.
    pub(crate) async fn send(self) -> Result<AccessToken, ProviderFailure> {
        let mut patience = Patience::new(self.pulse, ATTEMPTS, LEAST_PAUSE);
        loop {
            let attempt = patience.attempt();
            let asked_at = self.clock.now();
            let (reason, told) = match self.exchange(attempt).await {
                Ok(body) => return read(&body, self.identity, asked_at).map_err(ProviderFailure::ended),
                Err(refusal) => refusal,
            };
            if !retry::transient(reason) {
                return Err(ProviderFailure::ended(reason));
            }
            let throttled = (reason == ReasonCode::ProviderThrottled).then_some(THROTTLED);
            patience.wait(reason, told.or(throttled)).await?;
        }
    }

    /// One request: the body of a success, or what the answer means.
    async fn exchange(&self, attempt: u32) -> Result<SecretBytes, (ReasonCode, Option<Duration>)> {
        let client = self.identity.client.hyphenated().to_string();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client.as_str()),
            ("scope", self.identity.endpoints.scope()),
            ("client_secret", self.secret.expose()),
        ];
        let answer = match self.door.post_form(self.url(), &form, self.ids.next_uuid()).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(contract = "token", attempt, error = %error, "no answer");
                return Err((error.reason(), None));
            }
        };
        tracing::debug!(contract = "token", attempt, status = answer.status, request_id = ?answer.request_id);
        if answer.is_success() {
            return Ok(SecretBytes::new(answer.body));
        }
        let date = answer.date.unwrap_or_else(|| self.clock.now());
        let told = answer
            .retry_after
            .as_deref()
            .and_then(|text| retry::told(text, date));
        Err((entra::classify(answer.status, &answer.body), told))
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
    let claims = claims(access_token.expose()).ok_or(MISFIT)?;
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

/// Reads the middle part of a JWT (RFC 7519). The signature is not ours to check: the token came
/// over TLS from the issuer, and only its audience can rely on it.
fn claims(token: &str) -> Option<Claims> {
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[cfg(test)]
pub(crate) mod tests;
