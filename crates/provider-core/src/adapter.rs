//! What an adapter can do, split by power: rules that only think, and an executor that goes out
//! to the network.

use std::time::Duration;

use async_trait::async_trait;
use kernel::Timestamp;
use url::Url;

use crate::{
    CallRecord, Check, ConnectionId, ConsentState, CredentialInput, CredentialKind, CredentialRefusal,
    Destination, OpenedCredential, Pause, PreparedCredential, ProviderContext, ProviderKey, ReasonCode,
    RequirementState, ResumePoint, ScopeIdentifier, ScopeKind, ScopeProblem, VerificationState,
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

    /// Makes a credential of what a caller sent, or says with a stable code why it cannot be one.
    /// Nothing of it is kept.
    fn prepare_credential(
        &self,
        input: CredentialInput,
        now: Timestamp,
    ) -> Result<PreparedCredential, CredentialRefusal>;

    /// The installation's own client in `realm`, if one is configured.
    fn platform_client(&self, realm: &str) -> Option<PlatformClient>;

    /// The realms in which the installation has a client of its own.
    fn platform_realms(&self) -> Vec<String>;

    /// Whether `client` is the installation's own in any realm. No connection may bring it along
    /// as its own: that would be a way around the platform's consent.
    fn is_platform_client(&self, client: &str) -> bool {
        let mut realms = self.platform_realms().into_iter();
        realms.any(|realm| {
            self.platform_client(&realm)
                .is_some_and(|platform| platform.client_identifier == client)
        })
    }

    /// The provider's own detail of a destination, for reading.
    fn context(&self, destination: &Destination) -> ProviderContext;

    /// The keys of what `operation_type` needs at the provider, in stable order.
    fn requirements(&self, operation_type: &str) -> &'static [&'static str];
}

/// The installation's own client, as far as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformClient {
    /// The client's identifier at the provider.
    pub client_identifier: String,
    /// What it proves itself with.
    pub kind: CredentialKind,
    /// A certificate's thumbprint.
    pub fingerprint: Option<String>,
    /// When the credential ends, if anybody told.
    pub expires_at: Option<Timestamp>,
}

/// A permission that the consent page will ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedPermission {
    /// The neutral key of the requirement.
    pub requirement: &'static str,
    /// The provider's name for it.
    pub name: &'static str,
    /// What it is needed for, in words for the target's administrator.
    pub purpose: &'static str,
}

/// What came back from the provider's consent page. A hint and nothing more: anybody can make
/// such an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentCallback {
    /// The state, as it was given to [`ConsentUrls::consent_url`].
    pub state: String,
    /// What the page says.
    pub answer: ConsentAnswer,
}

/// What the provider's consent page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsentAnswer {
    /// Somebody agreed, for this target; nothing when the page names none in the canonical form.
    Agreed(Option<ScopeIdentifier>),
    /// Nobody agreed, for this reason.
    Refused(ReasonCode),
}

/// A callback that is not in any of the provider's forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the callback is in none of the provider's forms")]
pub struct CallbackUnreadable;

/// Makes the address of the provider's consent page, and reads what comes back. Pure.
pub trait ConsentUrls: Send + Sync {
    /// What the page will ask for, in stable order.
    fn asked_permissions(&self) -> Vec<AskedPermission>;

    /// A short text that changes when what is asked for changes.
    fn permission_set(&self) -> String;

    /// Reads the decoded query of a callback. Doubled parameters, and texts that are no state,
    /// are [`CallbackUnreadable`].
    fn read_callback(&self, query: &[(String, String)]) -> Result<ConsentCallback, CallbackUnreadable>;

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
    /// The workspace that it works for: what belongs to the installation may be for some alone.
    pub workspace: uuid::Uuid,
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

    /// Where the attempt before this one stopped; nothing for a run that begins.
    fn resume_point(&self) -> Option<ResumePoint>;

    /// Writes down where another attempt could go on. Permanent when it returns; the last one
    /// counts. An executor that hands items to a sink gives the point to the sink instead, so
    /// that both are written or neither.
    async fn save(&self, point: &ResumePoint) -> Result<(), Interrupt>;

    /// Limits of this connection's target that were closed when the run was taken, as earlier
    /// runs left them, in this process or another.
    fn pauses(&self) -> Vec<Pause>;

    /// Tells about an attempt at a call. Cheap: it is written down later, with others.
    fn record(&self, call: CallRecord);
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
