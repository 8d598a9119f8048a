//! Making a token of what the token endpoint answered: whose it is, how long it serves, and from
//! when on the next one is asked for.

use std::time::Duration;

use chrono::TimeDelta;
use kernel::{SecretBytes, SecretText, Timestamp};
use provider_core::ReasonCode;
use serde::Deserialize;
use uuid::Uuid;

use super::{AccessToken, GRACE};
use crate::{identity::Identity, jwt};

/// How long before its end a token counts as spent. Microsoft's own libraries use the same.
const EARLY: TimeDelta = TimeDelta::minutes(5);
/// A token that lives shorter is refused. It counts as spent after half of a short life and may be
/// sent until [`GRACE`] before its end: with less than twice that, it would be given out as fresh
/// and never sent, again and again. No service issues such tokens for use (page "Configurable
/// token lifetimes": ten minutes at the least).
const SHORTEST_LIFE: TimeDelta = TimeDelta::seconds(2 * GRACE.num_seconds());
/// Longer than any token lives; those that can be revoked at once live for 28 hours.
const LONGEST_LIFE: TimeDelta = TimeDelta::hours(48);

#[derive(Deserialize)]
struct Body {
    access_token: SecretText,
    expires_in: Seconds,
    #[serde(default)]
    refresh_in: Option<Seconds>,
}

/// A number; older endpoints write it as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(i64),
    Text(String),
}

impl Seconds {
    /// A length of time within the life of a token.
    fn read(&self) -> Option<TimeDelta> {
        let seconds = match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.parse().ok()?,
        };
        let life = TimeDelta::try_seconds(seconds)?;
        (TimeDelta::zero() < life && life <= LONGEST_LIFE).then_some(life)
    }
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

/// Makes a token of a body, if it was issued for this tenant and this client. `draw` gives a
/// length by chance, so that many tokens of one hour are not renewed in one minute.
pub(super) fn read(
    body: &SecretBytes,
    identity: &Identity,
    asked_at: Timestamp,
    draw: impl FnOnce(Duration) -> Duration,
) -> Result<AccessToken, ReasonCode> {
    const MISFIT: ReasonCode = ReasonCode::ProviderResponseInvalid;
    let Body {
        access_token,
        expires_in,
        refresh_in,
    } = serde_json::from_slice(body.expose()).map_err(|_| MISFIT)?;
    let life = expires_in
        .read()
        .filter(|life| *life >= SHORTEST_LIFE)
        .ok_or(MISFIT)?;
    let claims: Claims = jwt::claims(access_token.expose()).ok_or(MISFIT)?;
    if claims.tid != Some(identity.tenant) || claims.appid.or(claims.azp) != Some(identity.client) {
        return Err(ReasonCode::ProviderTargetScopeMismatch);
    }
    let told = refresh_in.and_then(|seconds| seconds.read());
    // Without a word from the service: after half to four fifths of its life.
    let renew_after = told.filter(|told| *told < life).unwrap_or_else(|| {
        let spread = (life * 3 / 10).to_std().unwrap_or_default();
        life / 2 + TimeDelta::from_std(draw(spread)).unwrap_or_default()
    });
    Ok(AccessToken {
        bearer: access_token,
        roles: claims.roles,
        asked_at,
        renew_at: asked_at + renew_after,
        spent_at: asked_at + life - EARLY.min(life / 2),
        ends_at: asked_at + life,
    })
}
