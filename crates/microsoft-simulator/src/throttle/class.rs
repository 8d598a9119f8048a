//! Classes of calls that are limited together, the limits, and what a directory call costs.
//!
//! Numbers: Microsoft Graph documentation, "Microsoft Graph service-specific throttling limits"; they are "subject to
//! change". Only reads are here, because the simulator answers nothing else.

use serde::{Deserialize, Serialize};

use super::Asked;

/// Calls that share their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThrottleClass {
    /// Users, groups, devices, organization and what else lies in the directory: limited by resource units.
    Directory,
    /// Conditional access and identity protection: one request a second for a tenant, all applications together.
    ConditionalAccess,
    /// Sign-ins and directory audits.
    AuditLogs,
    /// Managed devices of Intune.
    IntuneDevices,
    /// Everything else of Intune.
    IntuneOther,
    /// Secure scores.
    SecureScore,
    /// The token endpoint. It has no published limit, so only faults throttle it.
    Token,
}

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum LimitScope {
    AppTenant,
    Tenant,
    App,
}

/// How much is allowed.
#[derive(Debug, PartialEq)]
pub(super) enum Amount {
    Fixed(u32),
    /// Tenants with less than 50 users, up to 500, and more.
    BySize([u32; 3]),
}

/// One limit.
#[derive(Debug, PartialEq)]
pub(super) struct Limit {
    /// None for all classes but the token endpoint.
    pub(super) class: Option<ThrottleClass>,
    pub(super) scope: LimitScope,
    pub(super) amount: Amount,
    pub(super) per_seconds: u32,
    /// Counts resource units, not requests.
    pub(super) counts_units: bool,
    /// Whether the refusal comes with `Retry-After`.
    pub(super) says_when: bool,
}

const fn limit(class: ThrottleClass, scope: LimitScope, amount: u32, per_seconds: u32) -> Limit {
    Limit {
        class: Some(class),
        scope,
        amount: Amount::Fixed(amount),
        per_seconds,
        counts_units: false,
        says_when: true,
    }
}

pub(super) static LIMITS: [Limit; 10] = {
    use LimitScope::{App, AppTenant, Tenant};
    use ThrottleClass::{AuditLogs, ConditionalAccess, Directory, IntuneDevices, IntuneOther, SecureScore};
    [
        Limit {
            class: None,
            ..limit(Directory, App, 130_000, 10)
        },
        Limit {
            amount: Amount::BySize([3500, 5000, 8000]),
            counts_units: true,
            ..limit(Directory, AppTenant, 0, 10)
        },
        Limit {
            counts_units: true,
            ..limit(Directory, App, 150_000, 20)
        },
        Limit {
            says_when: false,
            ..limit(ConditionalAccess, Tenant, 1, 1)
        },
        limit(AuditLogs, AppTenant, 5, 10),
        limit(IntuneDevices, AppTenant, 2000, 20),
        limit(IntuneDevices, Tenant, 4000, 20),
        limit(IntuneOther, AppTenant, 1000, 20),
        limit(IntuneOther, Tenant, 2000, 20),
        limit(SecureScore, AppTenant, 10_000, 600),
    ]
};

impl Limit {
    pub(super) fn applies(&self, asked: &Asked<'_>) -> bool {
        self.class
            .map_or(asked.class != ThrottleClass::Token, |class| class == asked.class)
    }

    /// The amount for a tenant of some size; at least 1 of it is always allowed. The limit of all classes together
    /// is never scaled.
    pub(super) fn allowed(&self, factor: f64, users: usize) -> u32 {
        let published = match self.amount {
            Amount::Fixed(amount) => amount,
            Amount::BySize([small, middle, large]) => match users {
                0..50 => small,
                50..=500 => middle,
                _ => large,
            },
        };
        let factor = if self.class.is_some() { factor } else { 1.0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and no factor is negative"
        )]
        let scaled = (f64::from(published) * factor) as u32;
        scaled.max(1)
    }
}

impl ThrottleClass {
    /// The class of a Graph path, given without its version.
    pub(crate) fn of(path: &str) -> Self {
        let path = path.trim_start_matches('/').to_ascii_lowercase();
        let (first, rest) = path.split_once('/').unwrap_or((&path, ""));
        match first {
            "identity" | "identityprotection" => Self::ConditionalAccess,
            "auditlogs" => Self::AuditLogs,
            "security" => Self::SecureScore,
            "devicemanagement" if rest.starts_with("manageddevice") || rest.starts_with("detectedapps") => {
                Self::IntuneDevices
            }
            "devicemanagement" | "deviceappmanagement" => Self::IntuneOther,
            _ => Self::Directory,
        }
    }
}

/// What a request costs: resource units in the directory, 1 elsewhere.
pub(super) fn cost(class: ThrottleClass, path: &str, query: &str) -> u32 {
    if class != ThrottleClass::Directory {
        return 1;
    }
    let path = path.to_ascii_lowercase();
    let mut segments = path.split(['/', '(']).filter(|segment| !segment.is_empty());
    let first = segments.next().unwrap_or_default();
    let last = segments.next_back().unwrap_or_default();
    let base = match (first, last) {
        ("groups", "transitivemembers") => 5,
        ("domains", "domainnamereferences") => 4,
        ("groups", "members") | ("subscribedskus" | "contracts", _) => 3,
        ("users" | "applications" | "oauth2permissiongrants", _)
        | ("serviceprincipals", "approleassignments") => 2,
        _ => 1,
    };
    let options: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let option = |name: &str| options.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
    let few = option("$top").is_some_and(|(_, top)| top.parse::<u32>().is_ok_and(|top| top < 20));
    let cost = base + i32::from(option("$expand").is_some())
        - i32::from(option("$select").is_some())
        - i32::from(few);
    cost.max(1).unsigned_abs()
}
