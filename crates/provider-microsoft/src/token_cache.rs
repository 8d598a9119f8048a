//! Access tokens in memory, one request at a time for each key and none held up by another key. A
//! token that has some life left serves everybody else while one caller gets the next one.
//!
//! Remembers refusals for a short while, so that a wrong secret is not tried again by every run.
//! Tokens are never written anywhere.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::TimeDelta;
use kernel::{Clock, Timestamp};
use provider_core::{ConnectionId, ProviderFailure, ReasonCode, Retry};
use tokio::sync::Mutex as AsyncMutex;
use uuid::Uuid;

use crate::{
    cloud::Cloud,
    identity::Identity,
    retry,
    token::{AccessToken, Haste},
};

/// How long a refused credential is not tried again.
const REFUSED: TimeDelta = TimeDelta::seconds(60);
/// How often a token may be replaced because Graph did not accept it. Entra answers refresh
/// storms with AADSTS50196.
const REPLACE_EVERY: TimeDelta = TimeDelta::seconds(60);

/// What a token depends on. The credential's version counts per connection, so the connection
/// belongs to the key; it also keeps one connection's token from ever serving another.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    connection: ConnectionId,
    credential_version: i64,
    cloud: Cloud,
    tenant: Uuid,
    client: Uuid,
    scope: String,
    /// What Graph asked of tokens.
    claims: Option<Box<str>>,
}

impl Key {
    fn of(identity: &Identity, claims: Option<&str>) -> Self {
        Self {
            connection: identity.connection,
            credential_version: identity.credential_version,
            cloud: identity.cloud,
            tenant: identity.tenant,
            client: identity.client,
            scope: identity.endpoints.scope().to_owned(),
            claims: claims.map(Box::from),
        }
    }
}

/// What a caller needs.
#[derive(Clone, Copy)]
pub(crate) enum Demand<'t> {
    /// Any token that is good.
    Cached,
    /// A new one, because the caller wants to know what is true now. Not bound by a remembered
    /// refusal: this is how an operator tries again.
    Fresh,
    /// One in place of this, which Graph did not accept.
    InsteadOf(&'t Arc<AccessToken>),
}

/// One key.
#[derive(Default)]
struct Slot {
    known: Mutex<Known>,
    /// Held by who asks.
    asking: AsyncMutex<()>,
}

/// What is known of one key.
#[derive(Default)]
struct Known {
    token: Option<Arc<AccessToken>>,
    refusal: Option<(ReasonCode, Timestamp)>,
    replaced_at: Option<Timestamp>,
    /// A token that still serves is not renewed before this: it failed a moment ago.
    renew_from: Option<Timestamp>,
}

/// What can be said without asking.
enum Finding {
    Settled(Result<Arc<AccessToken>, ProviderFailure>),
    /// It serves, and it is time for the next one.
    Due(Arc<AccessToken>),
    Nothing,
}

/// The cache.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<HashMap<Key, Arc<Slot>>>);

impl TokenCache {
    /// A token for `identity`, with `claims` in it if Graph asked for any. `request` is run only
    /// when there is none that will do, or when it is time for the next one and nobody asks yet;
    /// who comes while there is none waits for it and takes its result.
    pub(crate) async fn get<F>(
        &self,
        identity: &Identity,
        claims: Option<&str>,
        demand: Demand<'_>,
        clock: &dyn Clock,
        request: impl FnOnce(Haste) -> F,
    ) -> Result<Arc<AccessToken>, ProviderFailure>
    where
        F: Future<Output = Result<AccessToken, ProviderFailure>>,
    {
        let slot = self.slot(identity, claims, clock.now());
        let look = || slot.known().look(demand, clock.now());
        let _asking = match look() {
            Finding::Settled(known) => return known,
            Finding::Due(token) => match slot.asking.try_lock() {
                Ok(asking) => asking,
                Err(_) => return Ok(token),
            },
            Finding::Nothing => slot.asking.lock().await,
        };
        let haste = match look() {
            Finding::Settled(known) => return known,
            Finding::Due(_) => Haste::Spare,
            Finding::Nothing => Haste::Needed,
        };
        fail::fail_point!("worker.before_token");
        let outcome = request(haste).await;
        fail::fail_point!("worker.after_token");
        slot.known().learn(demand, haste, outcome, clock.now())
    }

    /// Drops the token if it is not quite new: whatever it lacks, the next one may have.
    pub(crate) fn outdate(&self, identity: &Identity, claims: Option<&str>, now: Timestamp) {
        let slot = self.slot(identity, claims, now);
        let mut known = slot.known();
        known.token = known.token.take().filter(|token| token.age(now) < REPLACE_EVERY);
    }

    /// The slot of `identity`. A new one sweeps out slots that hold nothing of use, and those of
    /// the connection's other credentials.
    fn slot(&self, identity: &Identity, claims: Option<&str>, now: Timestamp) -> Arc<Slot> {
        let key = Key::of(identity, claims);
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        slots.retain(|other, slot| other.connection != key.connection && slot.is_useful(now));
        Arc::clone(slots.entry(key).or_default())
    }
}

impl Slot {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_useful(&self, now: Timestamp) -> bool {
        self.asking.try_lock().is_err() || self.known().is_useful(now)
    }
}

impl Known {
    fn is_useful(&self, now: Timestamp) -> bool {
        let refused = self.refusal.is_some_and(|(_, until)| now < until);
        refused || self.token.as_ref().is_some_and(|token| token.is_usable(now))
    }

    fn look(&self, demand: Demand<'_>, now: Timestamp) -> Finding {
        let token = self.token.as_ref().filter(|token| token.is_fresh(now));
        let good = match demand {
            Demand::Cached => token,
            Demand::Fresh => None,
            Demand::InsteadOf(refused) => token.filter(|token| {
                let recent = self.replaced_at.is_some_and(|at| now < at + REPLACE_EVERY);
                recent || !Arc::ptr_eq(token, refused)
            }),
        };
        if let Some(token) = good {
            let token = Arc::clone(token);
            let due = token.is_due(now) && self.renew_from.is_none_or(|from| from <= now);
            return if due {
                Finding::Due(token)
            } else {
                Finding::Settled(Ok(token))
            };
        }
        let Some((reason, until)) = self.refusal.filter(|(_, until)| now < *until) else {
            return Finding::Nothing;
        };
        match (reason, demand) {
            (ReasonCode::ProviderThrottled, _) => {
                let left = (until - now).to_std().unwrap_or_default();
                Finding::Settled(Err(ProviderFailure::Provider {
                    reason,
                    retry: Retry::After(left),
                }))
            }
            (_, Demand::Fresh) => Finding::Nothing,
            (reason, Demand::Cached | Demand::InsteadOf(_)) => {
                Finding::Settled(Err(ProviderFailure::ended(reason)))
            }
        }
    }

    fn learn(
        &mut self,
        demand: Demand<'_>,
        haste: Haste,
        outcome: Result<AccessToken, ProviderFailure>,
        now: Timestamp,
    ) -> Result<Arc<AccessToken>, ProviderFailure> {
        let failure = match outcome {
            Ok(token) => {
                let token = Arc::new(token);
                self.token = Some(Arc::clone(&token));
                self.refusal = None;
                self.renew_from = None;
                if matches!(demand, Demand::InsteadOf(_)) {
                    self.replaced_at = Some(now);
                }
                return Ok(token);
            }
            Err(failure) => failure,
        };
        let ProviderFailure::Provider { reason, retry } = failure else {
            return Err(failure);
        };
        let wait = match (reason, retry) {
            (ReasonCode::ProviderThrottled, Retry::After(wait)) => TimeDelta::from_std(wait).ok(),
            (ReasonCode::ProviderCredentialInvalid | ReasonCode::ProviderCredentialExpired, _) => {
                self.token = None;
                Some(REFUSED)
            }
            _ => None,
        };
        self.refusal = wait.map(|wait| (reason, now + wait));
        self.renew_from = Some(now + wait.unwrap_or_default().max(REPLACE_EVERY));
        // A token in its last minutes is better than none while the service cannot make a new one;
        // one that is renewed in good time is not lost to a page that some proxy put in the way.
        let passing = retry::transient(reason)
            || (haste == Haste::Spare && reason == ReasonCode::ProviderResponseInvalid);
        let serves = haste == Haste::Spare || matches!(demand, Demand::Cached);
        match &self.token {
            Some(token) if passing && serves && token.is_usable(now) => Ok(Arc::clone(token)),
            _ => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests;
