//! Reading what there is in a tenant: rows become observed items with allow-listed attributes, and
//! counts become controls. A part that the customer's licences or grants do not cover is "not
//! assessed"; only what concerns the whole connection ends a run.

pub(crate) mod collect;
pub(crate) mod measure;
mod rows;
mod values;

use inventory::SectionOutcome;
use provider_core::{ProviderFailure, ReasonCode, Retry};

/// What a failure means for one part of a run. Failures of the whole connection, hand-backs and
/// interrupts go on up.
fn outcome(failure: ProviderFailure) -> Result<SectionOutcome, ProviderFailure> {
    let ProviderFailure::Provider {
        reason,
        retry: Retry::Never,
    } = failure
    else {
        return Err(failure);
    };
    if matches!(
        reason,
        ReasonCode::ProviderPermissionMissing | ReasonCode::ProviderNotProvisioned
    ) {
        Ok(SectionOutcome::NotAssessed(reason))
    } else if matches!(
        reason,
        ReasonCode::ProviderResponseInvalid | ReasonCode::ProviderUnavailable
    ) {
        Ok(SectionOutcome::Failed(reason))
    } else {
        Err(failure)
    }
}

#[cfg(test)]
mod tests;
