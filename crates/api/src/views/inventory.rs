//! Observed items and compliance snapshots as callers see them.

use chrono::{DateTime, Utc};
use inventory::{ComplianceSnapshot, ControlResult, ControlState, ObservedItem, StoredItem};
use provider_core::ReasonCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::list_views;

/// One thing at a target, as it was last seen.
#[derive(Serialize, ToSchema)]
#[schema(as = InventoryItem)]
pub(crate) struct ItemView {
    /// The connection through which it was seen.
    connection_id: Uuid,
    /// What kind of thing; new kinds may be added.
    #[schema(example = "device")]
    kind: &'static str,
    /// The provider's id of it.
    external_id: String,
    /// For people.
    display_name: String,
    /// What was recorded of it.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    attributes: Map<String, Value>,
    /// Grows by one with each change that was seen, from 1.
    version: i64,
    /// When it was first seen.
    first_seen_at: DateTime<Utc>,
    /// When it was last seen.
    last_seen_at: DateTime<Utc>,
    /// The run that last saw it.
    last_seen_run_id: Uuid,
}

/// A compliance snapshot: how controls stood at one moment.
#[derive(Serialize, ToSchema)]
#[schema(as = ComplianceSnapshot)]
pub(crate) struct SnapshotView {
    /// Its id.
    id: Uuid,
    /// The connection through which it was taken.
    connection_id: Uuid,
    /// The run that took it.
    run_id: Uuid,
    /// When.
    taken_at: DateTime<Utc>,
    /// How many controls stand how.
    summary: SnapshotSummaryView,
    /// The controls, in stable order.
    controls: Vec<ControlView>,
}

/// How many controls stand how.
#[derive(Serialize, ToSchema)]
#[schema(as = ComplianceSummary)]
struct SnapshotSummaryView {
    /// As they should be.
    compliant: u64,
    /// Not as they should be.
    non_compliant: u64,
    /// Nobody could tell.
    not_assessed: u64,
}

/// One control.
#[derive(Serialize, ToSchema)]
#[schema(as = ComplianceControl)]
struct ControlView {
    /// A stable key.
    #[schema(example = "devices.compliant")]
    control: String,
    /// In words.
    title: String,
    /// `compliant`, `non_compliant` or `not_assessed`.
    #[schema(value_type = String)]
    state: ControlState,
    /// Why it was not assessed.
    reason_code: Option<&'static str>,
    /// How many things were looked at.
    assessed: u64,
    /// How many of them are as they should be.
    compliant: u64,
}

list_views! {
    /// Items, in the order in which they were first seen.
    InventoryItemList of ItemView;
    /// Snapshots, newest first.
    ComplianceSnapshotList of SnapshotView;
}

impl From<StoredItem> for ItemView {
    fn from(stored: StoredItem) -> Self {
        let StoredItem {
            connection_id,
            item,
            version,
            first_seen_at,
            last_seen_at,
            last_seen_run_id,
        } = stored;
        let ObservedItem {
            kind,
            external_id,
            display_name,
            attributes,
        } = item;
        Self {
            connection_id: connection_id.as_uuid(),
            kind: kind.as_str(),
            external_id,
            display_name,
            attributes,
            version,
            first_seen_at,
            last_seen_at,
            last_seen_run_id: last_seen_run_id.as_uuid(),
        }
    }
}

impl From<ComplianceSnapshot> for SnapshotView {
    fn from(snapshot: ComplianceSnapshot) -> Self {
        let summary = SnapshotSummaryView {
            compliant: snapshot.count(ControlState::Compliant),
            non_compliant: snapshot.count(ControlState::NonCompliant),
            not_assessed: snapshot.count(ControlState::NotAssessed),
        };
        let ComplianceSnapshot {
            id,
            connection_id,
            run_id,
            taken_at,
            controls,
        } = snapshot;
        Self {
            id: id.as_uuid(),
            connection_id: connection_id.as_uuid(),
            run_id: run_id.as_uuid(),
            taken_at,
            summary,
            controls: controls.into_iter().map(ControlView::from).collect(),
        }
    }
}

impl From<ControlResult> for ControlView {
    fn from(result: ControlResult) -> Self {
        let ControlResult {
            control,
            title,
            state,
            reason_code,
            assessed,
            compliant,
        } = result;
        let reason_code = reason_code.map(ReasonCode::as_str);
        Self {
            control,
            title,
            state,
            reason_code,
            assessed,
            compliant,
        }
    }
}
