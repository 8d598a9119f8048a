//! How items and snapshots are kept.

use async_trait::async_trait;
use kernel::{Page, PageRequest, StoreError, Timestamp};
use provider_core::{ConnectionId, RunId};
use tenancy::WorkspaceScope;

use crate::{ComplianceSnapshot, ItemKind, ObservedItem, SnapshotId, StoredItem};

/// Which items to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct ItemFilter {
    /// Seen through this connection.
    pub connection_id: Option<ConnectionId>,
    /// Of this kind.
    pub kind: Option<ItemKind>,
}

/// What a run did to the stored items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpsertCounts {
    /// Seen for the first time.
    pub created: u64,
    /// Changed since they were last seen.
    pub updated: u64,
    /// The same.
    pub unchanged: u64,
}

/// Reads of items and snapshots.
#[async_trait]
pub trait InventoryLookup: Send + Sync {
    /// The items of the scope, in the order in which they were first seen.
    async fn items(
        &self,
        scope: &WorkspaceScope,
        filter: ItemFilter,
        page: PageRequest,
    ) -> Result<Page<StoredItem>, StoreError>;

    /// What `run` did to the items of a connection, however many attempts it took: a thing that
    /// it saw twice counts once.
    async fn counts_of_run(
        &self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        run: RunId,
    ) -> Result<UpsertCounts, StoreError>;

    /// The snapshots of the scope, newest first; of one connection if it is named.
    async fn snapshots(
        &self,
        scope: &WorkspaceScope,
        connection: Option<ConnectionId>,
        page: PageRequest,
    ) -> Result<Page<ComplianceSnapshot>, StoreError>;

    /// The snapshot, if it lies in the scope.
    async fn snapshot(
        &self,
        scope: &WorkspaceScope,
        id: SnapshotId,
    ) -> Result<Option<ComplianceSnapshot>, StoreError>;
}

/// Writes of items and snapshots. The journal has one entry for the run, not one for each item.
#[async_trait]
pub trait InventoryRepository: InventoryLookup {
    /// Stores a page of items that `run` saw at `at`.
    async fn upsert(
        &mut self,
        scope: &WorkspaceScope,
        connection: ConnectionId,
        run: RunId,
        at: Timestamp,
        items: &[ObservedItem],
    ) -> Result<(), StoreError>;

    /// Stores a snapshot.
    async fn insert_snapshot(
        &mut self,
        scope: &WorkspaceScope,
        snapshot: &ComplianceSnapshot,
    ) -> Result<(), StoreError>;
}
