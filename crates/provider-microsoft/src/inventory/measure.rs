//! The compliance snapshot: counts of devices and policies as controls. What cannot be looked at is
//! "not assessed", with its reason, and is never counted against the customer.

use inventory::{ControlResult, Measurement, SectionOutcome};
use provider_core::{ProviderFailure, ReasonCode};
use serde::Deserialize;

use super::{
    outcome,
    rows::{AccessPolicy, CompliancePolicy, ManagedDevice, Observed},
};
use crate::{contracts::table::COMPLIANCE_SUMMARY, gateway::Session, pages::Pages};

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

/// Measures every control.
pub(crate) async fn run(session: &Session<'_>) -> Result<Measurement, ProviderFailure> {
    session.pulse().beat().await?;
    let devices = tally(session, Devices::add).await?;
    let compliant = match devices {
        Ok(devices) => Ok(devices.compliant),
        // The numbers alone need another permission than the list.
        Err(ReasonCode::ProviderPermissionMissing) => summary(session).await?,
        Err(reason) => Err(reason),
    };
    let policies = tally(session, |share: &mut Share, policy: &CompliancePolicy| {
        share.add(policy.is_assigned());
    });
    let policies = policies.await?;
    let access = tally(session, |share: &mut Share, policy: &AccessPolicy| {
        share.add(policy.is_enabled());
    })
    .await?;
    let controls = vec![
        control(DEVICES_COMPLIANT, compliant),
        control(DEVICES_ENCRYPTED, devices.map(|devices| devices.encrypted)),
        control(COMPLIANCE_POLICIES, policies.map(Share::at_least_one)),
        control(ACCESS_POLICIES, access.map(Share::at_least_one)),
    ];
    Ok(Measurement { controls })
}

/// How many of how many are as they should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

#[derive(Debug, Clone, Copy, Default)]
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

/// Reads a whole list into a sum; or why it could not be looked at.
async fn tally<T: Observed, S: Default>(
    session: &Session<'_>,
    add: impl Fn(&mut S, &T),
) -> Result<Result<S, ReasonCode>, ProviderFailure> {
    let mut pages = Pages::new(session, T::CONTRACT);
    let mut sum = S::default();
    loop {
        match pages.next::<T>().await {
            Ok(Some(page)) => {
                if page.restarted {
                    sum = S::default();
                }
                page.rows.iter().for_each(|row| add(&mut sum, row));
            }
            Ok(None) => return Ok(Ok(sum)),
            Err(failure) => return unseen(failure),
        }
    }
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
