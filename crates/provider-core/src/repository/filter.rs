//! Which connections a list holds.

use chrono::TimeDelta;
use kernel::Timestamp;
use tenancy::EnvironmentId;

use crate::{ConsentState, ProviderKey, Readiness, ReasonCode, ScopeRules, VerificationState};

/// Which connections to list. Each field narrows further.
#[derive(Debug, Clone, Default)]
pub struct ConnectionFilter {
    /// Of this environment.
    pub environment_id: Option<EnvironmentId>,
    /// To this provider.
    pub provider: Option<ProviderKey>,
    /// With this consent.
    pub consent: Option<ConsentState>,
    /// With this verification.
    pub verification: Option<VerificationState>,
    /// With a credential, current or next, that ends before this. Unknown ends do not count.
    pub expires_before: Option<Timestamp>,
    /// With this tag.
    pub tag: Option<(String, String)>,
    /// Whose summary says this.
    pub summary: Option<SummaryFilter>,
}

/// Connections by what their surface summary says. The store decides in SQL what
/// [`crate::SurfaceSummary::of`] decides in memory; a test compares the two.
#[derive(Debug, Clone)]
pub struct SummaryFilter {
    /// With this readiness.
    pub readiness: Option<Readiness>,
    /// With this reason.
    pub reason_code: Option<ReasonCode>,
    /// The moment of the summary.
    pub now: Timestamp,
    /// How long what was verified counts.
    pub stale_after: TimeDelta,
    /// The platform's clients.
    pub platform: Vec<PlatformRealm>,
}

/// A realm in which the installation has a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformRealm {
    /// The realm.
    pub realm: String,
    /// The client.
    pub client_identifier: String,
    /// When its credential ends.
    pub expires_at: Option<Timestamp>,
}

impl PlatformRealm {
    /// All of them.
    pub fn all(rules: &dyn ScopeRules) -> Vec<Self> {
        let realm = |realm: String| {
            rules.platform_client(&realm).map(|client| Self {
                realm,
                client_identifier: client.client_identifier,
                expires_at: client.expires_at,
            })
        };
        rules.platform_realms().into_iter().filter_map(realm).collect()
    }
}
