//! The limits that the provider publishes, as data.
//!
//! Graph page "Microsoft Graph service-specific throttling limits", as of 2026; the numbers are
//! "subject to change". Where a limit depends on the size of the tenant, the smallest one stands
//! here: nobody tells an application how large a tenant is before it has read it.

use std::time::Duration;

use crate::contracts::ThrottleClass;

/// A limit of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Limit {
    /// Of calls to Graph.
    Calls(ThrottleClass),
    /// Of requests for tokens.
    SignIn,
}

/// So many units in any window of this length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Published {
    pub(super) units: u32,
    pub(super) window: Duration,
    /// How many of them may be used at once after a rest.
    pub(super) burst: u32,
}

impl Limit {
    pub(crate) const SIGN_IN: &'static str = "sign_in";

    /// The stable name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Calls(class) => class.name(),
            Self::SignIn => Self::SIGN_IN,
        }
    }

    /// The limit with this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let calls = ThrottleClass::ALL.into_iter().map(Self::Calls);
        calls.chain([Self::SignIn]).find(|limit| limit.name() == name)
    }

    pub(super) const fn published(self) -> Published {
        let (units, seconds, burst) = match self {
            // Resource units for one application in one tenant of fewer than 50 users; larger
            // tenants have 5,000 and 8,000.
            Self::Calls(ThrottleClass::Directory) => (3_500, 10, 350),
            // For a tenant, all applications together: the customer's other tools share it.
            Self::Calls(ThrottleClass::ConditionalAccess) => (1, 1, 0),
            // Requests for one application in one tenant.
            Self::Calls(ThrottleClass::IntuneDevices) => (2_000, 20, 200),
            Self::Calls(ThrottleClass::IntuneOther) => (1_000, 20, 100),
            // Not published: our own manners. Tokens are kept, so that hardly any are asked for.
            Self::SignIn => (200, 10, 20),
        };
        Published {
            units,
            window: Duration::from_secs(seconds),
            burst,
        }
    }
}

impl Published {
    /// The time that one unit takes at an even pace. Burst and pace together never use more than
    /// `units` in any window.
    pub(super) fn interval(self) -> Duration {
        let nanos = self
            .window
            .as_nanos()
            .div_ceil(u128::from(self.units - self.burst));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
