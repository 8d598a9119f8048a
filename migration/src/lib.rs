//! The schema, one definition for SQLite and PostgreSQL. Imports no entity and no crate of ours:
//! what an old migration did must not change when the code does.
//!
//! sea-orm-migration records names only, no checksums. `migrations.lock` holds a hash of each
//! file; a test compares, so an edited migration is noticed. Append only.
//!
//! Conventions: every table of a workspace has `workspace_id` and the key `(workspace_id, id)`,
//! and refers to others by composite foreign keys, so a row cannot point out of its workspace.
//! Times are microseconds since 1970-01-01 UTC in a 64-bit integer (`docs/adr/0006`).

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::{MigrationTrait, async_trait};

mod columns;
mod m20261121_000001_create_tenancy;
mod m20261121_000002_create_keys;
mod m20261121_000003_create_connections;
mod m20261121_000004_create_operation_runs;
mod m20261121_000005_create_inventory;
mod m20261121_000006_create_journal;
mod m20261122_000007_extend_connections;
mod m20261122_000008_credential_stages;
mod m20261122_000009_create_consent;
mod m20261122_000010_key_ring_states;
mod m20261122_000011_create_calls;
mod m20261122_000012_extend_operation_runs;
mod m20261122_000013_number_events;
mod m20261122_000014_create_idempotency;
mod m20261122_000015_create_webhooks;
mod m20261122_000016_create_notifications;
mod m20261122_000018_prepare_retention;
mod m20261122_000019_queue_clock;
mod m20261122_000020_create_schedules;
mod m20261122_000021_queue_order;
mod m20261122_000022_read_by_index;
mod m20261123_000023_deliver_by_index;
#[cfg(feature = "failpoints")]
mod step;

/// Runs the migrations.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let all: Vec<Box<dyn MigrationTrait>> = vec![
            Box::new(m20261121_000001_create_tenancy::Migration),
            Box::new(m20261121_000002_create_keys::Migration),
            Box::new(m20261121_000003_create_connections::Migration),
            Box::new(m20261121_000004_create_operation_runs::Migration),
            Box::new(m20261121_000005_create_inventory::Migration),
            Box::new(m20261121_000006_create_journal::Migration),
            Box::new(m20261122_000007_extend_connections::Migration),
            Box::new(m20261122_000008_credential_stages::Migration),
            Box::new(m20261122_000009_create_consent::Migration),
            Box::new(m20261122_000010_key_ring_states::Migration),
            Box::new(m20261122_000011_create_calls::Migration),
            Box::new(m20261122_000012_extend_operation_runs::Migration),
            Box::new(m20261122_000013_number_events::Migration),
            Box::new(m20261122_000014_create_idempotency::Migration),
            Box::new(m20261122_000015_create_webhooks::Migration),
            Box::new(m20261122_000016_create_notifications::Migration),
            Box::new(m20261122_000018_prepare_retention::Migration),
            Box::new(m20261122_000019_queue_clock::Migration),
            Box::new(m20261122_000020_create_schedules::Migration),
            Box::new(m20261122_000021_queue_order::Migration),
            Box::new(m20261122_000022_read_by_index::Migration),
            Box::new(m20261123_000023_deliver_by_index::Migration),
        ];
        #[cfg(feature = "failpoints")]
        let all = all.into_iter().map(step::with_point).collect();
        all
    }
}
