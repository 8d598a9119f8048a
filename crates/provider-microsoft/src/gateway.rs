//! The way to Graph: one request of one contract, made again as often as its class allows.
//!
//! Takes `&'static Contract` and nothing else, so that only registered calls can be made. Sends
//! nothing before its turn, waits at least what it was told, hands the run back when that outlasts
//! the run's budget, and hears a cancellation between pages and during waits. Must never log an
//! address or a body.

mod parse;
pub(crate) mod seen;
pub(crate) mod turnstile;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kernel::Timestamp;
use provider_core::{ConnectionAccess, OpenedCredential, ProviderFailure, ReasonCode, RunSignals};
use serde::de::DeserializeOwned;
use url::Url;

pub(crate) use self::parse::{Misfit, count, json};
use self::{
    seen::Seen,
    turnstile::{Attempt, Turnstile},
};
use crate::{
    challenge,
    contracts::{Contract, Shape},
    errors::graph::{Verdict, classify},
    http::{Answer, TransportError},
    identity::Identity,
    limiter::Limit,
    proof::Proof,
    provider::Parts,
    pulse::Pulse,
    retry::Patience,
    token::{AccessToken, TokenRequest},
    token_cache::Demand,
};

/// How often a token is asked for that still lives when the turn of its request comes. One may have
/// been spent by a long wait; a second one that has died as well tells that no third will do.
pub(crate) const MOST_TOKENS: u32 = 2;

/// One operation's way to Graph. Lives as long as the operation.
pub(crate) struct Session<'a> {
    pub(crate) parts: &'a Parts,
    identity: Identity,
    credential: &'a OpenedCredential,
    pulse: Pulse<'a>,
    /// What Graph asked of tokens during this operation.
    claims: Mutex<Option<Arc<str>>>,
}

/// Where a request goes.
#[derive(Clone, Copy)]
pub(crate) enum Place<'u> {
    /// The first address of the contract.
    First,
    /// A later page.
    Link(&'u Url),
}

impl<'a> Session<'a> {
    pub(crate) fn open(
        parts: &'a Parts,
        access: &'a ConnectionAccess,
        signals: &'a dyn RunSignals,
    ) -> Result<Self, ProviderFailure> {
        let identity = Identity::resolve(access, parts.endpoint_override.as_ref())?;
        let pulse = Pulse::new(signals, &*parts.pauses);
        for pause in pulse.known_pauses() {
            if let Some(limit) = Limit::parse(&pause.limit) {
                let now = parts.clock.now();
                parts.limiter.close(&identity.key(limit), pause.until, now);
            }
        }
        Ok(Self {
            parts,
            identity,
            credential: &access.credential,
            pulse,
            claims: Mutex::default(),
        })
    }

    pub(crate) const fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) const fn pulse(&self) -> &Pulse<'a> {
        &self.pulse
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    pub(crate) fn turnstile(&self, limit: Limit) -> Turnstile<'_> {
        Turnstile {
            limiter: &self.parts.limiter,
            key: self.identity.key(limit),
            clock: &*self.parts.clock,
            pulse: &self.pulse,
        }
    }

    /// A token of this connection.
    pub(crate) async fn token(&self, demand: Demand<'_>) -> Result<Arc<AccessToken>, ProviderFailure> {
        let claims = self.claims();
        let request = TokenRequest {
            door: &self.parts.door,
            ids: &*self.parts.ids,
            turnstile: self.turnstile(Limit::SignIn),
            identity: &self.identity,
            claims: claims.as_deref(),
            proof: Proof {
                credential: self.credential,
                sources: &self.parts.federated,
                workspace: self.identity.workspace,
            },
        };
        let (tokens, clock) = (&self.parts.tokens, &*self.parts.clock);
        tokens
            .get(&self.identity, claims.as_deref(), demand, clock, |haste| {
                request.send(haste)
            })
            .await
    }

    fn claims(&self) -> Option<Arc<str>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gets a token in place of one that Graph refused, with the claims that it asks for, if any.
    pub(crate) async fn replace(
        &self,
        refused: &Arc<AccessToken>,
        header: Option<&str>,
    ) -> Result<(), ProviderFailure> {
        let asked = header.and_then(challenge::claims).map(Arc::from);
        if asked.is_some() && asked != self.claims() {
            tracing::debug!("a token with other claims is asked for");
            *self.claims.lock().unwrap_or_else(PoisonError::into_inner) = asked;
            self.token(Demand::Cached).await?;
        } else {
            self.token(Demand::InsteadOf(refused)).await?;
        }
        Ok(())
    }

    /// Reads the one object of an entity contract.
    pub(crate) async fn get_one<T: DeserializeOwned>(
        &self,
        contract: &'static Contract,
    ) -> Result<T, ProviderFailure> {
        self.get_whole(contract, json).await
    }

    /// Reads the answer of a contract that has one page.
    pub(crate) async fn get_whole<T>(
        &self,
        contract: &'static Contract,
        parse: fn(&[u8]) -> Result<T, Misfit>,
    ) -> Result<T, ProviderFailure> {
        let whole = self.fetch(contract, Place::First, parse).await?;
        whole.ok_or(ProviderFailure::ended(ReasonCode::ProviderResponseInvalid))
    }

    /// Makes the request until it works or patience ends. Nothing when a page token has died.
    /// First pages that the service could not make are asked for again at half the size.
    pub(crate) async fn fetch<T>(
        &self,
        contract: &'static Contract,
        place: Place<'_>,
        parse: fn(&[u8]) -> Result<T, Misfit>,
    ) -> Result<Option<T>, ProviderFailure> {
        if !contract.exists_in(self.identity.cloud) {
            return Err(ProviderFailure::ended(ReasonCode::ProviderNotProvisioned));
        }
        let turnstile = self.turnstile(Limit::Calls(contract.throttle()));
        let mut patience = self.patience(contract);
        let (mut replaced, mut halvings) = (false, 0);
        loop {
            let (token, waited) = self.ready(contract, &turnstile, &mut patience).await?;
            let url = match place {
                Place::First => contract.narrowed(self.identity.endpoints.graph(), halvings),
                Place::Link(url) => url.clone(),
            };
            let attempt = self.attempt(contract.name(), patience.attempt(), waited);
            let answer = self.send(contract, url, &token, attempt).await;
            let (seen, header) = (Seen::graph(&answer), challenge_of(&answer));
            let status = seen.status;
            let judged = self.judge(answer, parse);
            let plan = match &judged {
                Err(Verdict::Later(reason, told)) => Some(patience.plan(*reason, *told)),
                Ok(_) | Err(Verdict::Token(_) | Verdict::PageToken | Verdict::Failed(_)) => None,
            };
            let failed = judged.as_ref().err().map(Verdict::reason);
            turnstile.settle(attempt, &seen, failed, plan.as_ref());
            match (judged, plan) {
                (Ok(value), _) => return Ok(Some(value)),
                (Err(_), Some(plan)) => {
                    halvings += u32::from(matches!(status, Some(500 | 503 | 504)));
                    patience.follow(plan).await?;
                }
                (Err(Verdict::Token(_)), None) if !replaced => {
                    replaced = true;
                    self.replace(&token, header.as_deref()).await?;
                }
                (Err(Verdict::PageToken), None) => return Ok(None),
                (Err(verdict), None) => return Err(self.failed(verdict.reason())),
            }
        }
    }

    /// The patience for one request of `contract`.
    pub(crate) fn patience(&self, contract: &Contract) -> Patience<'_> {
        let (retry, least) = (contract.retry(), contract.throttle().least_pause());
        let patience = Patience::new(&self.pulse, retry.attempts(), least);
        if retry.hands_back() {
            patience
        } else {
            patience.never_handing_back()
        }
    }

    /// A token that is good at the moment at which the request's turn has come. The run ends when
    /// tokens die sooner than that.
    async fn ready(
        &self,
        contract: &'static Contract,
        turnstile: &Turnstile<'_>,
        patience: &mut Patience<'_>,
    ) -> Result<(Arc<AccessToken>, Duration), ProviderFailure> {
        let mut waited = Duration::ZERO;
        for _ in 0..MOST_TOKENS {
            let token = self.token(Demand::Cached).await?;
            waited += turnstile.turn(contract.cost(), patience).await?;
            if token.is_usable(self.now()) {
                return Ok((token, waited));
            }
        }
        Err(ProviderFailure::ended(ReasonCode::ProviderResponseInvalid))
    }

    pub(crate) fn attempt(&self, call: &'static str, number: u32, waited: Duration) -> Attempt {
        Attempt {
            call,
            number,
            id: self.parts.ids.next_uuid(),
            began: self.now(),
            waited,
        }
    }

    pub(crate) fn judge<T>(
        &self,
        answer: Result<Answer, TransportError>,
        parse: fn(&[u8]) -> Result<T, Misfit>,
    ) -> Result<T, Verdict> {
        match answer {
            Ok(answer) if answer.is_success() => parse(&answer.body).map_err(|misfit| match misfit {
                Misfit::Broken => Verdict::Later(ReasonCode::ProviderResponseInvalid, None),
                Misfit::Foreign => Verdict::Failed(ReasonCode::ProviderResponseInvalid),
            }),
            Ok(answer) => Err(classify(&answer, self.now())),
            Err(error @ TransportError::Unreachable(_)) => Err(Verdict::Later(error.reason(), None)),
            Err(error @ (TransportError::Tls(_) | TransportError::TooLarge(_))) => {
                Err(Verdict::Failed(error.reason()))
            }
        }
    }

    /// A missing permission may have been granted since the token was issued: the next run asks
    /// for a new token.
    pub(crate) fn failed(&self, reason: ReasonCode) -> ProviderFailure {
        if reason == ReasonCode::ProviderPermissionMissing {
            let claims = self.claims();
            let tokens = &self.parts.tokens;
            tokens.outdate(&self.identity, claims.as_deref(), self.now());
        }
        ProviderFailure::ended(reason)
    }

    async fn send(
        &self,
        contract: &'static Contract,
        url: Url,
        token: &AccessToken,
        attempt: Attempt,
    ) -> Result<Answer, TransportError> {
        let Attempt { number, id, .. } = attempt;
        let headers = headers(contract);
        let answer = self.parts.door.get(url, &token.bearer, headers, id).await;
        let contract = contract.name();
        match &answer {
            Ok(answer) => {
                tracing::debug!(contract, attempt = number, status = answer.status, request_id = ?answer.request_id);
            }
            Err(error) => tracing::debug!(contract, attempt = number, error = %error, "no answer"),
        }
        answer
    }
}

/// What each request of a contract says, also for later pages: Graph does not remember it.
pub(crate) fn headers(contract: &Contract) -> &'static [(&'static str, &'static str)] {
    // Graph page "Best practices for working with Microsoft Graph": without the preference new
    // members of an enumeration arrive as one placeholder.
    match contract.shape() {
        Shape::List | Shape::Entity => &[
            ("accept", "application/json"),
            ("prefer", "include-unknown-enum-members"),
        ],
        Shape::Count => &[("accept", "text/plain"), ("consistencylevel", "eventual")],
    }
}

fn challenge_of(answer: &Result<Answer, TransportError>) -> Option<String> {
    answer.as_ref().ok()?.challenge.clone()
}
