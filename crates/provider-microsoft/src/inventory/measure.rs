//! The compliance snapshot: counts of devices and policies as controls. What cannot be looked at is
//! "not assessed", with its reason, and is never counted against the customer.

use inventory::{ControlResult, Measurement, SectionOutcome};
use provider_core::{Interrupt, ProviderFailure, ReasonCode, Retry};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    outcome,
    rows::{AccessPolicy, CompliancePolicy, ManagedDevice, Observed},
};
use crate::{
    contracts::table::COMPLIANCE_SUMMARY,
    gateway::Session,
    resume::{Ending, Operation, Trail},
    token_cache::Demand,
};

/// Keys and words of the controls, in order.
const DEVICES_COMPLIANT: (&str, &str) = ("devices.compliant", "Managed devices comply with their policies");
const DEVICES_ENCRYPTED: (&str, &str) = ("devices.encrypted", "Managed devices are encrypted");
const COMPLIANCE_POLICIES: (&str, &str) = (
    "compliance_policies.present",
    "There are compliance policies, and they are assigned",
);
const ACCESS_POLICIES: (&str, &str) = (
    "access_policies.enabled",
    "There are access policies, and they are enforced",
);

/// Measures every control, or what an earlier attempt left of them.
pub(crate) async fn run(session: &Session<'_>) -> Result<Measurement, ProviderFailure> {
    session.pulse().beat().await?;
    // Without a token nothing can be measured: that ends the run and is no finding of any control.
    session.token(Demand::Cached).await?;
    let mut trail = Trail::open(session, Operation::Measure);
    let measured = controls(session, &mut trail).await;
    let handed_back = matches!(
        measured,
        Err(ProviderFailure::Provider {
            retry: Retry::After(_),
            ..
        })
    );
    if handed_back && let Some(point) = trail.point(session.now()) {
        match session.pulse().save(&point).await {
            // What could not be written is measured again: a pity and no more.
            Ok(()) | Err(Interrupt::StoreFailed { .. } | Interrupt::CancelRequested) => {}
            Err(lost @ Interrupt::Lost) => return Err(lost.into()),
        }
    }
    Ok(Measurement { controls: measured? })
}

async fn controls(session: &Session<'_>, trail: &mut Trail) -> Result<Vec<ControlResult>, ProviderFailure> {
    let devices = tally(session, trail, Devices::add).await?;
    let compliant = match devices {
        Ok(devices) => Ok(devices.compliant),
        // The numbers alone need another permission than the list.
        Err(ReasonCode::ProviderPermissionMissing) => summary(session).await?,
        Err(reason) => Err(reason),
    };
    let policies = tally(session, trail, |share: &mut Share, policy: &CompliancePolicy| {
        share.add(policy.is_assigned());
    });
    let policies = policies.await?;
    let access = tally(session, trail, |share: &mut Share, policy: &AccessPolicy| {
        share.add(policy.is_enabled());
    })
    .await?;
    Ok(vec![
        control(DEVICES_COMPLIANT, compliant),
        control(DEVICES_ENCRYPTED, devices.map(|devices| devices.encrypted)),
        control(COMPLIANCE_POLICIES, policies.map(Share::at_least_one)),
        control(ACCESS_POLICIES, access.map(Share::at_least_one)),
    ])
}

/// How many of how many are as they should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Share {
    assessed: u64,
    good: u64,
}

impl Share {
    fn add(&mut self, good: bool) {
        self.assessed += 1;
        self.good += u64::from(good);
    }

    /// Having none is itself a finding.
    fn at_least_one(self) -> Self {
        Self {
            assessed: self.assessed.max(1),
            ..self
        }
    }
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Devices {
    compliant: Share,
    encrypted: Share,
}

impl Devices {
    /// By the members of complianceState ("managedDevice resource type"). A device that nobody has
    /// assessed yet, and one that another system manages, are left out of the count.
    fn add(&mut self, device: &ManagedDevice) {
        let state = device
            .compliance_state
            .as_deref()
            .unwrap_or("unknown")
            .to_ascii_lowercase();
        match state.as_str() {
            "compliant" => self.compliant.add(true),
            "noncompliant" | "ingraceperiod" | "conflict" | "error" => self.compliant.add(false),
            // "unknown", "configManager", and members that were added later.
            _ => {}
        }
        if let Some(encrypted) = device.is_encrypted {
            self.encrypted.add(encrypted);
        }
    }
}

fn control((key, title): (&str, &str), share: Result<Share, ReasonCode>) -> ControlResult {
    match share {
        Ok(share) => ControlResult::counted(key, title, share.assessed, share.good),
        Err(reason) => ControlResult::not_assessed(key, title, reason),
    }
}

/// Reads a whole list into a sum; or why it could not be looked at. A list of which a part could
/// not be read gives no sum: it would be wrong, and nobody would see by how much.
async fn tally<T: Observed, S: Default + Serialize + DeserializeOwned>(
    session: &Session<'_>,
    trail: &mut Trail,
    add: impl Fn(&mut S, &T),
) -> Result<Result<S, ReasonCode>, ProviderFailure> {
    let part = T::CONTRACT.name();
    if let Some((ending, sum)) = trail.finished::<S>(part) {
        return Ok(match ending {
            Ending::Complete => Ok(sum),
            Ending::NotAssessed(reason) | Ending::Failed(reason) => Err(reason),
        });
    }
    let (mut pages, mut sum) = trail.pages::<S>(session, T::CONTRACT);
    let ending = loop {
        match pages.next::<T>().await {
            Ok(Some(page)) if page.skipped > 0 => {
                break Ending::Failed(ReasonCode::ProviderResponseInvalid);
            }
            Ok(Some(page)) => {
                if page.restarted {
                    sum = S::default();
                }
                page.rows.iter().for_each(|row| add(&mut sum, row));
                trail.note(part, &sum, &pages, session.now());
            }
            Ok(None) => break Ending::Complete,
            Err(failure) => break outcome(failure)?.into(),
        }
    };
    trail.finish(part, ending, &sum);
    Ok(match ending {
        Ending::Complete => Ok(sum),
        Ending::NotAssessed(reason) | Ending::Failed(reason) => Err(reason),
    })
}

fn unseen<S>(failure: ProviderFailure) -> Result<Result<S, ReasonCode>, ProviderFailure> {
    Ok(match outcome(failure)? {
        SectionOutcome::NotAssessed(reason) | SectionOutcome::Failed(reason) => Err(reason),
        SectionOutcome::Complete => Err(ReasonCode::InternalError),
    })
}

/// Of the "Get deviceCompliancePolicyDeviceStateSummary" page.
#[derive(Deserialize)]
struct Summary {
    #[serde(rename = "compliantDeviceCount")]
    compliant: u64,
    #[serde(rename = "nonCompliantDeviceCount")]
    not_compliant: u64,
    #[serde(rename = "inGracePeriodCount")]
    in_grace_period: u64,
    #[serde(rename = "conflictDeviceCount")]
    conflict: u64,
    #[serde(rename = "errorDeviceCount")]
    error: u64,
}

async fn summary(session: &Session<'_>) -> Result<Result<Share, ReasonCode>, ProviderFailure> {
    match session.get_one::<Summary>(&COMPLIANCE_SUMMARY).await {
        Ok(summary) => {
            let Summary {
                compliant: good,
                not_compliant,
                in_grace_period,
                conflict,
                error,
            } = summary;
            let assessed = [good, not_compliant, in_grace_period, conflict, error];
            Ok(Ok(Share {
                assessed: assessed.into_iter().fold(0, u64::saturating_add),
                good,
            }))
        }
        Err(failure) => unseen(failure),
    }
}

#[cfg(test)]
mod tests;
