//! The adapter as the worker holds it.

use std::sync::Arc;

use async_trait::async_trait;
use inventory::{Collection, InventoryExecutor, Measurement, ObservationSink};
use kernel::{Clock, IdSource};
use provider_core::{ConnectionAccess, ConnectionCheck, ProviderExecutor, ProviderFailure, RunSignals};

use crate::{
    check,
    cloud::EndpointOverride,
    federated::FederatedSources,
    gateway::Session,
    http::{ClientError, Door},
    inventory as reading,
    limiter::Limiter,
    pause::{Pauses, SystemPauses},
    token_cache::TokenCache,
};

/// What the adapter is made of.
pub struct MicrosoftSettings {
    /// A loopback address in place of Microsoft's hosts, for demos and tests.
    pub endpoint_override: Option<EndpointOverride>,
    /// The token files that the operator configured: what the rules hold, so that both know the
    /// same names.
    pub federated: FederatedSources,
    /// For the ends of tokens and of refusals.
    pub clock: Arc<dyn Clock>,
    /// For the ids of requests.
    pub ids: Arc<dyn IdSource>,
    /// For waiting.
    pub pauses: Arc<dyn Pauses>,
}

impl MicrosoftSettings {
    /// Settings for Microsoft's own hosts and real pauses.
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        Self {
            endpoint_override: None,
            federated: FederatedSources::default(),
            clock,
            ids,
            pauses: Arc::new(SystemPauses),
        }
    }
}

/// What every operation shares.
pub(crate) struct Parts {
    pub(crate) door: Door,
    pub(crate) tokens: TokenCache,
    pub(crate) limiter: Limiter,
    pub(crate) endpoint_override: Option<EndpointOverride>,
    pub(crate) federated: FederatedSources,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) pauses: Arc<dyn Pauses>,
}

/// The adapter. Clones share connections, tokens and limits.
#[derive(Clone)]
pub struct MicrosoftProvider(Arc<Parts>);

impl MicrosoftProvider {
    /// Makes the adapter with its one HTTP client.
    pub fn new(settings: MicrosoftSettings) -> Result<Self, ClientError> {
        let MicrosoftSettings {
            endpoint_override,
            federated,
            clock,
            ids,
            pauses,
        } = settings;
        let door = Door::new(endpoint_override.as_ref().is_some_and(EndpointOverride::is_plain))?;
        Ok(Self(Arc::new(Parts {
            door,
            tokens: TokenCache::default(),
            limiter: Limiter::default(),
            endpoint_override,
            federated,
            clock,
            ids,
            pauses,
        })))
    }
}

#[async_trait]
impl ProviderExecutor for MicrosoftProvider {
    async fn check(
        &self,
        access: &ConnectionAccess,
        signals: &dyn RunSignals,
    ) -> Result<ConnectionCheck, ProviderFailure> {
        check::run(&Session::open(&self.0, access, signals)?).await
    }
}

#[async_trait]
impl InventoryExecutor for MicrosoftProvider {
    async fn collect(
        &self,
        access: &ConnectionAccess,
        signals: &dyn RunSignals,
        sink: &mut dyn ObservationSink,
    ) -> Result<Collection, ProviderFailure> {
        reading::collect::run(&Session::open(&self.0, access, signals)?, sink).await
    }

    async fn measure(
        &self,
        access: &ConnectionAccess,
        signals: &dyn RunSignals,
    ) -> Result<Measurement, ProviderFailure> {
        reading::measure::run(&Session::open(&self.0, access, signals)?).await
    }
}

#[cfg(test)]
mod tests;
