//! Access tokens in memory, one request at a time for each key and none held up by another key.
//!
//! Remembers refusals for a short while, so that a wrong secret is not tried again by every run.
//! Tokens are never written anywhere.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::TimeDelta;
use kernel::{Clock, Timestamp};
use provider_core::{ConnectionId, ProviderFailure, ReasonCode, Retry};
use tokio::sync::Mutex as AsyncMutex;
use uuid::Uuid;

use crate::{cloud::Cloud, identity::Identity, retry, token::AccessToken};

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
}

impl Key {
    fn of(identity: &Identity) -> Self {
        Self {
            connection: identity.connection,
            credential_version: identity.credential_version,
            cloud: identity.cloud,
            tenant: identity.tenant,
            client: identity.client,
            scope: identity.endpoints.scope().to_owned(),
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

#[derive(Default)]
struct Slot {
    token: Option<Arc<AccessToken>>,
    refusal: Option<(ReasonCode, Timestamp)>,
    replaced_at: Option<Timestamp>,
}

/// The cache.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<HashMap<Key, Arc<AsyncMutex<Slot>>>>);

impl TokenCache {
    /// A token for `identity`. `request` is run only when there is none that will do; who comes
    /// meanwhile waits for it and takes its result.
    pub(crate) async fn get(
        &self,
        identity: &Identity,
        demand: Demand<'_>,
        clock: &dyn Clock,
        request: impl Future<Output = Result<AccessToken, ProviderFailure>>,
    ) -> Result<Arc<AccessToken>, ProviderFailure> {
        let slot = self.slot(identity, clock.now());
        let mut slot = slot.lock().await;
        if let Some(known) = slot.known(demand, clock.now()) {
            return known;
        }
        let outcome = request.await;
        slot.learn(demand, outcome, clock.now())
    }

    /// Drops the token if it is not quite new: whatever it lacks, the next one may have.
    pub(crate) async fn outdate(&self, identity: &Identity, now: Timestamp) {
        let slot = self.slot(identity, now);
        let mut slot = slot.lock().await;
        slot.token = slot.token.take().filter(|token| token.age(now) < REPLACE_EVERY);
    }

    /// The slot of `identity`. A new one sweeps out slots that hold nothing of use, and those of
    /// the connection's other credentials.
    fn slot(&self, identity: &Identity, now: Timestamp) -> Arc<AsyncMutex<Slot>> {
        let key = Key::of(identity);
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        slots.retain(|other, slot| {
            other.connection != key.connection && slot.try_lock().map_or(true, |slot| slot.is_useful(now))
        });
        Arc::clone(slots.entry(key).or_default())
    }
}

impl Slot {
    fn is_useful(&self, now: Timestamp) -> bool {
        let refused = self.refusal.is_some_and(|(_, until)| now < until);
        refused || self.token.as_ref().is_some_and(|token| token.is_usable(now))
    }

    /// What can be answered without asking.
    fn known(&self, demand: Demand<'_>, now: Timestamp) -> Option<Result<Arc<AccessToken>, ProviderFailure>> {
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
            return Some(Ok(Arc::clone(token)));
        }
        let (reason, until) = self.refusal.filter(|(_, until)| now < *until)?;
        match (reason, demand) {
            (ReasonCode::ProviderThrottled, _) => {
                let left = (until - now).to_std().unwrap_or_default();
                Some(Err(ProviderFailure::Provider {
                    reason,
                    retry: Retry::After(left),
                }))
            }
            (_, Demand::Fresh) => None,
            (reason, Demand::Cached | Demand::InsteadOf(_)) => Some(Err(ProviderFailure::ended(reason))),
        }
    }

    fn learn(
        &mut self,
        demand: Demand<'_>,
        outcome: Result<AccessToken, ProviderFailure>,
        now: Timestamp,
    ) -> Result<Arc<AccessToken>, ProviderFailure> {
        let failure = match outcome {
            Ok(token) => {
                let token = Arc::new(token);
                self.token = Some(Arc::clone(&token));
                self.refusal = None;
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
        // A token in its last minutes is better than none while the service cannot make a new one.
        match (&self.token, demand) {
            (Some(token), Demand::Cached) if retry::transient(reason) && token.is_usable(now) => {
                Ok(Arc::clone(token))
            }
            _ => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests;
