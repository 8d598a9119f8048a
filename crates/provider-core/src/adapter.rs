//! What an adapter can do, split by power: rules that only think, and an executor that goes out
//! to the network.

use std::time::Duration;

use async_trait::async_trait;
use kernel::SecretText;
use url::Url;

use crate::{
    Check, ConnectionId, ConsentState, CredentialKind, Destination, OpenedCredential, ProviderContext,
    ProviderKey, ReasonCode, RequirementState, ScopeIdentifier, ScopeKind, ScopeProblem, VerificationState,
};

/// The provider's rules about names. Pure: no network, no clock, no secrets kept.
pub trait ScopeRules: Send + Sync {
    /// The provider's key.
    fn provider(&self) -> ProviderKey;

    /// The one canonical form of a target's identifier.
    fn canonical_identifier(&self, kind: ScopeKind, text: &str) -> Result<ScopeIdentifier, ScopeProblem>;

    /// Which of the provider's separate installations is meant; its usual one for an empty context.
    fn realm(&self, context: &ProviderContext) -> Result<String, ScopeProblem>;

    /// The one canonical form of a client's identifier.
    fn canonical_client(&self, text: &str) -> Result<String, ScopeProblem>;

    /// Refuses a text that cannot be a secret of this kind, with a stable code that says what it
    /// seems to be instead. The text is looked at and forgotten.
    fn check_secret(&self, kind: CredentialKind, secret: &SecretText) -> Result<(), &'static str>;

    /// The provider's own detail of a destination, for reading.
    fn context(&self, destination: &Destination) -> ProviderContext;

    /// The keys of what `operation_type` needs at the provider, in stable order.
    fn requirements(&self, operation_type: &str) -> &'static [&'static str];
}

/// Makes the address of the provider's consent page. Pure.
pub trait ConsentUrls: Send + Sync {
    /// The page on which an administrator of the target agrees. `state` comes back unchanged to
    /// `redirect`.
    fn consent_url(
        &self,
        destination: &Destination,
        redirect: &Url,
        state: &str,
    ) -> Result<Url, ScopeProblem>;
}

/// What an executor needs to work for one connection. Lives as long as one run's attempt.
pub struct ConnectionAccess {
    /// For token caches.
    pub connection_id: ConnectionId,
    /// Where the secret may go.
    pub destination: Destination,
    /// The secret.
    pub credential: OpenedCredential,
}

/// How far a run has come. Only where both numbers are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Done so far.
    pub processed: u64,
    /// All there is.
    pub total: u64,
}

/// Why a run must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// Somebody asked for it.
    CancelRequested,
    /// Another attempt owns the run, or the process shuts down: write nothing more.
    Lost,
    /// The store failed while something was written.
    StoreFailed {
        /// Whether the same may work a little later.
        retryable: bool,
    },
}

/// The line between an executor and the run that it works for.
#[async_trait]
pub trait RunSignals: Send + Sync {
    /// To be called between units of work. Tells how far the run has come, and hears whether
    /// to go on.
    async fn checkpoint(&self, progress: Option<Progress>) -> Result<(), Interrupt>;

    /// How long one wait may be before the run is better handed back.
    fn wait_budget(&self) -> Duration;
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The run ends.
    Never,
    /// The run is handed back and begins again no earlier than after this long.
    After(Duration),
}

/// Why an executor stopped. Holds a code, never a provider's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProviderFailure {
    /// The provider, or the way to it.
    #[error("{}", reason.as_str())]
    Provider {
        /// Why.
        reason: ReasonCode,
        /// What to do about it.
        retry: Retry,
    },
    /// The run itself had to stop.
    #[error("interrupted")]
    Interrupted(Interrupt),
}

impl ProviderFailure {
    /// A failure that ends the run.
    pub const fn ended(reason: ReasonCode) -> Self {
        Self::Provider {
            reason,
            retry: Retry::Never,
        }
    }
}

impl From<Interrupt> for ProviderFailure {
    fn from(interrupt: Interrupt) -> Self {
        Self::Interrupted(interrupt)
    }
}

/// What a connection check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionCheck {
    /// What was looked at, in order.
    pub checks: Vec<Check>,
    /// The consent axis, if the check could tell.
    pub consent: Option<ConsentState>,
    /// The verification axis.
    pub verification: VerificationState,
    /// The requirements that were looked at.
    pub requirements: Vec<(&'static str, RequirementState)>,
    /// Why the check as a whole failed; nothing when it came to its end.
    pub failure: Option<ReasonCode>,
}

/// Goes out to the provider. Handed to the worker and to nobody else.
#[async_trait]
pub trait ProviderExecutor: Send + Sync {
    /// Looks at a connection: can it sign in, where does it arrive, what may it do.
    async fn check(
        &self,
        access: &ConnectionAccess,
        signals: &dyn RunSignals,
    ) -> Result<ConnectionCheck, ProviderFailure>;
}
