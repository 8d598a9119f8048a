//! From the results of the checks to the axes of the connection. Pure: it asks nobody.

use provider_core::{
    Check, CheckStatus, ConnectionCheck, ConsentState, ReasonCode, RequirementState, Severity,
    VerificationState,
};

use super::{ORGANIZATION, PERMISSIONS, TARGET};
use crate::contracts::permission;

/// The checks so far.
#[derive(Default)]
pub(super) struct Report {
    checks: Vec<Check>,
}

impl Report {
    fn add(
        &mut self,
        (key, title): (&str, &str),
        status: CheckStatus,
        blocking: bool,
        reason: Option<ReasonCode>,
    ) {
        let severity = if blocking {
            Severity::Critical
        } else {
            Severity::High
        };
        let (key, title) = (key.to_owned(), title.to_owned());
        self.checks.push(Check {
            key,
            title,
            status,
            severity,
            blocking,
            reason_code: reason,
        });
    }

    pub(super) fn pass(&mut self, check: (&str, &str)) {
        self.add(check, CheckStatus::Pass, check != PERMISSIONS, None);
    }

    pub(super) fn fail(&mut self, check: (&str, &str), reason: ReasonCode) {
        self.add(check, CheckStatus::Fail, true, Some(reason));
    }

    /// Ends without a token: what comes later in the order was not looked at.
    pub(super) fn broken(mut self, reason: ReasonCode, consent: Option<ConsentState>) -> ConnectionCheck {
        for check in [TARGET, PERMISSIONS, ORGANIZATION] {
            if !self.checks.iter().any(|done| done.key == check.0) {
                self.add(check, CheckStatus::Skip, check != PERMISSIONS, Some(reason));
            }
        }
        let unknown = permission::ALL.map(|permission| (permission.requirement(), RequirementState::Unknown));
        ConnectionCheck {
            checks: self.checks,
            consent,
            verification: verification(reason),
            requirements: unknown.to_vec(),
            failure: Some(reason),
        }
    }

    /// Ends with a token that holds `roles`, and with why the organization could not be read.
    pub(super) fn conclude(mut self, roles: &[String], organization: Option<ReasonCode>) -> ConnectionCheck {
        let requirements = requirements(roles);
        let granted = |(_, state): &(_, RequirementState)| *state == RequirementState::Granted;
        let (complete, any) = (requirements.iter().all(granted), requirements.iter().any(granted));
        if complete {
            self.pass(PERMISSIONS);
        } else if !any {
            // Roles that we never asked for prove that somebody granted something, not to us.
            self.fail(PERMISSIONS, ReasonCode::ProviderConsentMissing);
        } else {
            self.add(
                PERMISSIONS,
                CheckStatus::Fail,
                false,
                Some(ReasonCode::ProviderPermissionMissing),
            );
        }
        let failure = self.organization(any, organization);
        let verification = match failure {
            Some(reason) => verification(reason),
            None if complete && organization.is_none() => VerificationState::Healthy,
            None => VerificationState::Degraded,
        };
        let consent = match failure {
            Some(ReasonCode::ProviderConsentMissing) => Some(ConsentState::Required),
            // Neither granted nor missing was proven.
            Some(_) => None,
            None => Some(ConsentState::Granted),
        };
        ConnectionCheck {
            checks: self.checks,
            consent,
            verification,
            requirements,
            failure,
        }
    }

    /// Adds the last check; the reason if the whole check failed. `any` tells whether anything that
    /// we ask for was granted.
    fn organization(&mut self, any: bool, result: Option<ReasonCode>) -> Option<ReasonCode> {
        match result {
            None => {
                self.pass(ORGANIZATION);
                (!any).then_some(ReasonCode::ProviderConsentMissing)
            }
            // Something was granted, only not this.
            Some(reason @ ReasonCode::ProviderPermissionMissing) if any => {
                self.add(ORGANIZATION, CheckStatus::Warn, false, Some(reason));
                None
            }
            Some(ReasonCode::ProviderPermissionMissing) => {
                self.fail(ORGANIZATION, ReasonCode::ProviderConsentMissing);
                Some(ReasonCode::ProviderConsentMissing)
            }
            Some(reason) => {
                self.fail(ORGANIZATION, reason);
                Some(reason)
            }
        }
    }
}

fn requirements(roles: &[String]) -> Vec<(&'static str, RequirementState)> {
    let state = |granted| {
        if granted {
            RequirementState::Granted
        } else {
            RequirementState::Missing
        }
    };
    let all = permission::ALL.iter();
    all.map(|permission| (permission.requirement(), state(permission.granted_by(roles))))
        .collect()
}

/// Whether a failure forbids all work until somebody acts, or only kept the check from its end.
fn verification(reason: ReasonCode) -> VerificationState {
    let unfinished = matches!(
        reason,
        ReasonCode::ProviderThrottled
            | ReasonCode::ProviderUnavailable
            | ReasonCode::ProviderUnreachable
            | ReasonCode::ProviderTlsFailed
            | ReasonCode::ProviderResponseInvalid
            | ReasonCode::ProviderClockSkew
    );
    if unfinished {
        VerificationState::Error
    } else {
        VerificationState::Blocked
    }
}

#[cfg(test)]
mod tests;
