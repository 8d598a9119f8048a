//! What was observed at a target, and how it complies: items with a fingerprint of their
//! content, compliance snapshots, and the trait of an adapter that can read them.
//!
//! Neutral words only: a person, a group, a device, a policy. No SQL, no HTTP.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod compliance;
pub mod executor;
pub mod item;
pub mod repository;

pub use compliance::{ComplianceSnapshot, ControlResult, ControlState, Measurement, SnapshotId};
pub use executor::{Collection, InventoryExecutor, ObservationSink, Section, SectionOutcome};
pub use item::{ItemKind, ObservedItem, StoredItem};
pub use repository::{InventoryLookup, InventoryRepository, ItemFilter, UpsertCounts};
