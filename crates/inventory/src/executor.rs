//! What an adapter does for inventory and compliance. Handed to the worker alone, like every
//! trait that goes out to the network.

use async_trait::async_trait;
use provider_core::{ConnectionAccess, Interrupt, ProviderFailure, ReasonCode, ResumePoint, RunSignals};

use crate::{ItemKind, Measurement, ObservedItem};

/// Takes what an executor reads, a page at a time, so that memory does not grow with the target.
#[async_trait]
pub trait ObservationSink: Send {
    /// Stores a page, and with it where another attempt could go on after it: both or neither.
    /// Refused when the run's attempt no longer holds.
    async fn accept(
        &mut self,
        page: Vec<ObservedItem>,
        resume: Option<&ResumePoint>,
    ) -> Result<(), Interrupt>;
}

/// How one kind of item came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectionOutcome {
    /// Read to the last page.
    Complete,
    /// Not read, for a reason that lies with the target's licences or permissions.
    NotAssessed(ReasonCode),
    /// Broken off.
    Failed(ReasonCode),
}

/// One kind of item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// Which kind.
    pub kind: ItemKind,
    /// How it came out.
    pub outcome: SectionOutcome,
    /// How many items were read.
    pub items: u64,
}

/// A whole inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// One entry for each kind, in the order in which they were read.
    pub sections: Vec<Section>,
}

/// Reads inventory and measures compliance.
#[async_trait]
pub trait InventoryExecutor: Send + Sync {
    /// Reads everything there is, page by page, into `sink`.
    async fn collect(
        &self,
        access: &ConnectionAccess,
        signals: &dyn RunSignals,
        sink: &mut dyn ObservationSink,
    ) -> Result<Collection, ProviderFailure>;

    /// Measures the controls.
    async fn measure(
        &self,
        access: &ConnectionAccess,
        signals: &dyn RunSignals,
    ) -> Result<Measurement, ProviderFailure>;
}
