//! Compliance snapshots: controls with counts, and what could not be assessed.

use kernel::{Id, IdKind, Timestamp};
use provider_core::{ConnectionId, ReasonCode, RunId};
use serde::{Deserialize, Serialize};

/// Marks ids of the kind `compliance_snapshot`.
pub enum SnapshotKind {}
impl IdKind for SnapshotKind {
    const NAME: &'static str = "compliance_snapshot";
}
/// A compliance snapshot.
pub type SnapshotId = Id<SnapshotKind>;

/// How a control stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlState {
    /// As it should be.
    Compliant,
    /// Not as it should be.
    NonCompliant,
    /// Nobody could tell; the reason is given. Never counted against the customer.
    NotAssessed,
}

/// One control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlResult {
    /// A stable key, such as `devices.compliant`.
    pub control: String,
    /// In words.
    pub title: String,
    /// How it stands.
    pub state: ControlState,
    /// Why it was not assessed.
    pub reason_code: Option<ReasonCode>,
    /// How many things were looked at.
    pub assessed: u64,
    /// How many of them are as they should be.
    pub compliant: u64,
}

impl ControlResult {
    /// A control for which every one of `assessed` things should be compliant.
    pub fn counted(control: &str, title: &str, assessed: u64, compliant: u64) -> Self {
        let state = if compliant >= assessed {
            ControlState::Compliant
        } else {
            ControlState::NonCompliant
        };
        Self {
            control: control.into(),
            title: title.into(),
            state,
            reason_code: None,
            assessed,
            compliant,
        }
    }

    /// A control that could not be looked at.
    pub fn not_assessed(control: &str, title: &str, reason: ReasonCode) -> Self {
        Self {
            control: control.into(),
            title: title.into(),
            state: ControlState::NotAssessed,
            reason_code: Some(reason),
            assessed: 0,
            compliant: 0,
        }
    }
}

/// What an executor measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurement {
    /// The controls, in stable order.
    pub controls: Vec<ControlResult>,
}

/// A snapshot as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComplianceSnapshot {
    /// Its id.
    pub id: SnapshotId,
    /// The connection through which it was taken.
    pub connection_id: ConnectionId,
    /// The run that took it.
    pub run_id: RunId,
    /// When.
    pub taken_at: Timestamp,
    /// The controls.
    pub controls: Vec<ControlResult>,
}

impl ComplianceSnapshot {
    /// How many controls stand in `state`.
    pub fn count(&self, state: ControlState) -> u64 {
        self.controls
            .iter()
            .filter(|control| control.state == state)
            .count() as u64
    }
}
