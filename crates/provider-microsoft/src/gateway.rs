//! The way to Graph: one request of one contract, made again as often as its class allows.
//!
//! Takes `&'static Contract` and nothing else, so that only registered calls can be made. Waits at
//! least what it was told, hands the run back when that outlasts the run's budget, and hears a
//! cancellation between pages and during waits. Must never log an address or a body.

use std::sync::Arc;

use provider_core::{ConnectionAccess, OpenedCredential, ProviderFailure, ReasonCode, RunSignals};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use url::Url;

use crate::{
    contracts::{Contract, Shape},
    errors::graph::{Verdict, classify},
    http::{Answer, TransportError},
    identity::Identity,
    proof::Proof,
    provider::Parts,
    pulse::Pulse,
    retry::Patience,
    token::{AccessToken, TokenRequest},
    token_cache::Demand,
};

/// One operation's way to Graph. Lives as long as the operation.
pub(crate) struct Session<'a> {
    parts: &'a Parts,
    identity: Identity,
    credential: &'a OpenedCredential,
    pulse: Pulse<'a>,
}

/// How an answer with a good status misses its contract.
pub(crate) enum Misfit {
    /// Not whole, or not JSON: an intermediary's page, or a cut. May be better next time.
    Broken,
    /// Well formed, and not what the contract says.
    Foreign,
}

impl<'a> Session<'a> {
    pub(crate) fn open(
        parts: &'a Parts,
        access: &'a ConnectionAccess,
        signals: &'a dyn RunSignals,
    ) -> Result<Self, ProviderFailure> {
        let identity = Identity::resolve(access, parts.endpoint_override.as_ref())?;
        Ok(Self {
            parts,
            identity,
            credential: &access.credential,
            pulse: Pulse::new(signals, &*parts.pauses),
        })
    }

    pub(crate) const fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) const fn pulse(&self) -> &Pulse<'a> {
        &self.pulse
    }

    /// A token of this connection.
    pub(crate) async fn token(&self, demand: Demand<'_>) -> Result<Arc<AccessToken>, ProviderFailure> {
        let request = TokenRequest {
            door: &self.parts.door,
            ids: &*self.parts.ids,
            clock: &*self.parts.clock,
            pulse: &self.pulse,
            identity: &self.identity,
            proof: Proof {
                credential: self.credential,
                sources: &self.parts.federated,
                workspace: self.identity.workspace,
            },
        };
        self.parts
            .tokens
            .get(&self.identity, demand, &*self.parts.clock, request.send())
            .await
    }

    /// Reads the one object of an entity contract.
    pub(crate) async fn get_one<T: DeserializeOwned>(
        &self,
        contract: &'static Contract,
    ) -> Result<T, ProviderFailure> {
        self.get_whole(contract, json).await
    }

    /// Reads the number of a count contract. It is plain text and may begin with a byte order mark.
    pub(crate) async fn get_count(&self, contract: &'static Contract) -> Result<u64, ProviderFailure> {
        self.get_whole(contract, |body| {
            let text = str::from_utf8(body).map_err(|_| Misfit::Foreign)?;
            text.trim_start_matches('\u{feff}')
                .trim()
                .parse()
                .map_err(|_| Misfit::Foreign)
        })
        .await
    }

    async fn get_whole<T>(
        &self,
        contract: &'static Contract,
        parse: fn(&[u8]) -> Result<T, Misfit>,
    ) -> Result<T, ProviderFailure> {
        let url = contract.url(self.identity.endpoints.graph());
        let whole = self.fetch(contract, &url, parse).await?;
        whole.ok_or(ProviderFailure::ended(ReasonCode::ProviderResponseInvalid))
    }

    /// Makes the request until it works or patience ends. Nothing when a page token has died.
    pub(crate) async fn fetch<T>(
        &self,
        contract: &'static Contract,
        url: &Url,
        parse: fn(&[u8]) -> Result<T, Misfit>,
    ) -> Result<Option<T>, ProviderFailure> {
        let least = contract.throttle().least_pause();
        let mut patience = Patience::new(&self.pulse, contract.retry().attempts(), least);
        let mut token = self.token(Demand::Cached).await?;
        let mut replaced = false;
        loop {
            let answer = self.send(contract, url, &token, patience.attempt()).await;
            match self.judge(answer, parse) {
                Ok(value) => return Ok(Some(value)),
                Err(Verdict::Later(reason, told)) => patience.wait(reason, told).await?,
                Err(Verdict::Token(_)) if !replaced => {
                    replaced = true;
                    token = self.token(Demand::InsteadOf(&token)).await?;
                }
                Err(Verdict::PageToken) => return Ok(None),
                Err(Verdict::Failed(reason) | Verdict::Token(reason)) => {
                    return Err(self.failed(reason).await);
                }
            }
        }
    }

    fn judge<T>(
        &self,
        answer: Result<Answer, TransportError>,
        parse: fn(&[u8]) -> Result<T, Misfit>,
    ) -> Result<T, Verdict> {
        match answer {
            Ok(answer) if answer.is_success() => parse(&answer.body).map_err(|misfit| match misfit {
                Misfit::Broken => Verdict::Later(ReasonCode::ProviderResponseInvalid, None),
                Misfit::Foreign => Verdict::Failed(ReasonCode::ProviderResponseInvalid),
            }),
            Ok(answer) => Err(classify(&answer, self.parts.clock.now())),
            Err(error @ TransportError::Unreachable(_)) => Err(Verdict::Later(error.reason(), None)),
            Err(error @ (TransportError::Tls(_) | TransportError::TooLarge(_))) => {
                Err(Verdict::Failed(error.reason()))
            }
        }
    }

    /// A missing permission may have been granted since the token was issued: the next run asks
    /// for a new token.
    async fn failed(&self, reason: ReasonCode) -> ProviderFailure {
        if reason == ReasonCode::ProviderPermissionMissing {
            self.parts
                .tokens
                .outdate(&self.identity, self.parts.clock.now())
                .await;
        }
        ProviderFailure::ended(reason)
    }

    async fn send(
        &self,
        contract: &'static Contract,
        url: &Url,
        token: &AccessToken,
        attempt: u32,
    ) -> Result<Answer, TransportError> {
        // Graph page "Best practices for working with Microsoft Graph": without the preference new
        // members of an enumeration arrive as one placeholder.
        let headers: &[(&str, &str)] = match contract.shape() {
            Shape::List | Shape::Entity => &[
                ("accept", "application/json"),
                ("prefer", "include-unknown-enum-members"),
            ],
            Shape::Count => &[("accept", "text/plain"), ("consistencylevel", "eventual")],
        };
        let id = self.parts.ids.next_uuid();
        let answer = self.parts.door.get(url.clone(), &token.bearer, headers, id).await;
        let contract = contract.name();
        match &answer {
            Ok(answer) => {
                tracing::debug!(contract, attempt, status = answer.status, request_id = ?answer.request_id);
            }
            Err(error) => tracing::debug!(contract, attempt, error = %error, "no answer"),
        }
        answer
    }
}

/// Parses JSON into a contract's type.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Misfit> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Misfit::Foreign,
        Category::Io | Category::Syntax | Category::Eof => Misfit::Broken,
    })
}
