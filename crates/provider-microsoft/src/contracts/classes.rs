//! The closed vocabularies of a contract's columns.

use std::time::Duration;

/// The version of Graph in which a call exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiVersion {
    /// Kept stable by Microsoft.
    V1,
    /// May change without notice.
    Beta,
}

impl ApiVersion {
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::V1 => "/v1.0/",
            Self::Beta => "/beta/",
        }
    }
}

/// What an answer looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Pages with a `value` and perhaps an `@odata.nextLink`.
    List,
    /// One object.
    Entity,
    /// A bare number as text; asked for with `ConsistencyLevel: eventual` (Graph page "Advanced
    /// query capabilities on Microsoft Entra ID objects").
    Count,
}

/// Which limit of the service a call counts against (Graph page "Microsoft Graph
/// service-specific throttling limits"). A limit is shared by all calls of a class in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThrottleClass {
    /// Directory objects: resource units per application and tenant.
    Directory,
    /// Conditional access: one request a second for a tenant, whoever asks, without `Retry-After`.
    ConditionalAccess,
    /// Managed devices of Intune.
    IntuneDevices,
    /// Everything else of Intune.
    IntuneOther,
}

impl ThrottleClass {
    /// Every limit.
    pub const ALL: [Self; 4] = [
        Self::Directory,
        Self::ConditionalAccess,
        Self::IntuneDevices,
        Self::IntuneOther,
    ];

    /// The stable name, in neutral words: it is a label in metrics, too: of the limit in records of calls, and of what is closed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::ConditionalAccess => "access_policies",
            Self::IntuneDevices => "devices",
            Self::IntuneOther => "device_policies",
        }
    }

    /// The shortest pause after an answer that did not say how long to wait. Conditional access
    /// never says it, and one request a second is all there is for everybody.
    pub(crate) const fn least_pause(self) -> Duration {
        match self {
            Self::ConditionalAccess => Duration::from_secs(2),
            Self::Directory | Self::IntuneDevices | Self::IntuneOther => Duration::from_millis(500),
        }
    }
}

/// How patiently a call is repeated. Every call reads, so repeating is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryClass {
    /// The run needs the answer.
    Patient,
    /// The run can do without.
    Brief,
    /// One remark of a report depends on it: the run is never handed back for it.
    Incidental,
}

impl RetryClass {
    /// How often a call is made at the most.
    pub(crate) const fn attempts(self) -> u32 {
        match self {
            Self::Patient => 6,
            Self::Brief | Self::Incidental => 2,
        }
    }

    /// Whether a wait that is too long for the run hands it back.
    pub(crate) const fn hands_back(self) -> bool {
        match self {
            Self::Patient | Self::Brief => true,
            Self::Incidental => false,
        }
    }
}

/// What an answer may hold, with the row's `$select` in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// Names of people.
    Personal,
    /// Names and states of devices.
    Device,
    /// How the tenant is set up.
    Configuration,
    /// Numbers.
    Count,
}

/// Which licence of the customer a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Licence {
    /// None: every tenant has it.
    Any,
    /// An active Intune subscription; without it every call of Intune is refused alike.
    Intune,
    /// Policies can be made with Entra ID P1 only; what a tenant without it answers to a read is
    /// not documented.
    EntraP1,
}
