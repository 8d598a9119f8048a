//! The operation catalogue: every type that there is, with its label, the capability it takes to
//! start it, how long it may last and which counts it reports. Unknown types do not exist.

use std::time::Duration;

use serde::Serialize;
use tenancy::Capability;

use crate::{CountKey, Lane};

/// A type of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationType {
    /// Looks whether a connection works and what it may do.
    ConnectionCheck,
    /// Reads what there is at the target.
    InventorySync,
    /// Counts how what is there complies.
    ComplianceSnapshot,
    /// Holds the runs of one start over many environments together. Nobody works at it: it is over when
    /// they are.
    Bulk,
    /// Removes what is older than it is kept. The system alone starts it.
    WorkspaceHousekeeping,
}

/// What the catalogue says about a type.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct OperationDefinition {
    /// The dotted code.
    #[serde(rename = "operation_type")]
    pub code: &'static str,
    /// For people.
    pub label: &'static str,
    /// Which part of the product it belongs to.
    pub module: &'static str,
    /// Whether a start may ask for it. What may not comes from a call of its own, or from the system.
    pub startable: bool,
    /// What it takes to start it.
    #[serde(serialize_with = "capability_code")]
    pub capability: Capability,
    /// How long it usually takes, in seconds.
    pub expected_duration_seconds: u32,
    /// After how long a run is ended, in seconds, counted from its first start. The time for which
    /// the provider made it wait does not count. 0 where it has no limit of its own.
    pub run_timeout_seconds: u32,
    /// The keys of its counts.
    pub count_keys: &'static [CountKey],
}

impl OperationType {
    /// Every type.
    pub const ALL: [Self; 5] = [
        Self::ConnectionCheck,
        Self::InventorySync,
        Self::ComplianceSnapshot,
        Self::Bulk,
        Self::WorkspaceHousekeeping,
    ];

    /// The types that a start may ask for. They are also those that go through a connection.
    pub const STARTABLE: [Self; 3] = [
        Self::ConnectionCheck,
        Self::InventorySync,
        Self::ComplianceSnapshot,
    ];

    /// The dotted code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionCheck => "provider.connection.check",
            Self::InventorySync => "inventory.sync",
            Self::ComplianceSnapshot => "compliance.snapshot",
            Self::Bulk => "operations.bulk",
            Self::WorkspaceHousekeeping => "workspace.housekeeping",
        }
    }

    /// The type that `text` names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == text)
    }

    /// The whole entry.
    pub const fn definition(self) -> OperationDefinition {
        match self {
            Self::ConnectionCheck => OperationDefinition {
                code: self.as_str(),
                label: "Connection check",
                module: "connections",
                startable: true,
                capability: Capability::OperationsStart,
                expected_duration_seconds: 10,
                run_timeout_seconds: 900,
                count_keys: &[
                    CountKey::Total,
                    CountKey::Succeeded,
                    CountKey::Failed,
                    CountKey::Skipped,
                ],
            },
            Self::InventorySync => OperationDefinition {
                code: self.as_str(),
                label: "Inventory",
                module: "inventory",
                startable: true,
                capability: Capability::OperationsStart,
                expected_duration_seconds: 300,
                run_timeout_seconds: 4 * 3600,
                count_keys: &[
                    CountKey::Total,
                    CountKey::Created,
                    CountKey::Updated,
                    CountKey::Unchanged,
                    CountKey::Skipped,
                ],
            },
            Self::ComplianceSnapshot => OperationDefinition {
                code: self.as_str(),
                label: "Compliance snapshot",
                module: "compliance",
                startable: true,
                capability: Capability::OperationsStart,
                expected_duration_seconds: 60,
                run_timeout_seconds: 3600,
                count_keys: &[
                    CountKey::Total,
                    CountKey::Succeeded,
                    CountKey::Failed,
                    CountKey::Skipped,
                ],
            },
            Self::Bulk => OperationDefinition {
                code: self.as_str(),
                label: "Start over many environments",
                module: "operations",
                startable: false,
                capability: Capability::OperationsStart,
                expected_duration_seconds: 300,
                run_timeout_seconds: 0,
                count_keys: &[
                    CountKey::Total,
                    CountKey::Succeeded,
                    CountKey::Failed,
                    CountKey::Skipped,
                ],
            },
            Self::WorkspaceHousekeeping => OperationDefinition {
                code: self.as_str(),
                label: "Housekeeping",
                module: "system",
                startable: false,
                capability: Capability::OperationsStart,
                expected_duration_seconds: 60,
                run_timeout_seconds: 4 * 3600,
                count_keys: &[
                    CountKey::Pruned,
                    CountKey::PrunedEvents,
                    CountKey::PrunedCallAttempts,
                    CountKey::PrunedConnectionHistory,
                    CountKey::PrunedConsentLinks,
                    CountKey::PrunedExpiryNotices,
                    CountKey::PrunedSnapshots,
                    CountKey::PrunedRuns,
                    CountKey::PrunedAuditEvents,
                    CountKey::PrunedIdempotencyRecords,
                    CountKey::PrunedWebhookDeliveries,
                    CountKey::PrunedNotifications,
                ],
            },
        }
    }

    /// Whether its runs hold others together and are worked at by nobody.
    pub const fn is_group(self) -> bool {
        match self {
            Self::Bulk => true,
            Self::ConnectionCheck
            | Self::InventorySync
            | Self::ComplianceSnapshot
            | Self::WorkspaceHousekeeping => false,
        }
    }

    /// The slots that its runs take; none for a group, which nobody works at.
    pub const fn lane(self) -> Option<Lane> {
        match self {
            Self::ConnectionCheck => Some(Lane::Checks),
            Self::InventorySync | Self::ComplianceSnapshot | Self::WorkspaceHousekeeping => Some(Lane::Work),
            Self::Bulk => None,
        }
    }

    /// After how much work a run is ended.
    pub const fn run_timeout(self) -> Duration {
        Duration::from_secs(self.definition().run_timeout_seconds as u64)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn capability_code<S: serde::Serializer>(capability: &Capability, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(capability.as_str())
}
