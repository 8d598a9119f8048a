//! From the results of the checks to the axes of the connection. Pure: it asks nobody.

use provider_core::{
    Check, CheckStatus, ConnectionCheck, ConsentState, ReasonCode, RequirementState, Severity,
    VerificationState,
};

use super::{GRANTS, ORGANIZATION, PERMISSIONS, SIGN_IN, TARGET};
use crate::contracts::permission;

/// How a check came out that forbids nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// As it should be.
    Pass,
    /// Worth a look.
    Warn(ReasonCode),
    /// Something will suffer.
    Fail(ReasonCode),
    /// Could not be looked at.
    Skip(ReasonCode),
}

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
        severity: Severity,
        reason: Option<ReasonCode>,
    ) {
        let blocking = severity == Severity::Critical;
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
        self.add(check, CheckStatus::Pass, severity(check), None);
    }

    pub(super) fn fail(&mut self, check: (&str, &str), reason: ReasonCode) {
        self.add(check, CheckStatus::Fail, Severity::Critical, Some(reason));
    }

    /// Adds a check that forbids nothing.
    pub(super) fn note(&mut self, check: (&str, &str), finding: Finding) {
        let (status, reason) = match finding {
            Finding::Pass => (CheckStatus::Pass, None),
            Finding::Warn(reason) => (CheckStatus::Warn, Some(reason)),
            Finding::Fail(reason) => (CheckStatus::Fail, Some(reason)),
            Finding::Skip(reason) => (CheckStatus::Skip, Some(reason)),
        };
        self.add(check, status, Severity::Medium, reason);
    }

    fn any_failed(&self) -> bool {
        self.checks.iter().any(|check| check.status == CheckStatus::Fail)
    }

    /// Ends without a token: what comes later in the order was not looked at.
    pub(super) fn broken(mut self, reason: ReasonCode, consent: Option<ConsentState>) -> ConnectionCheck {
        for check in [SIGN_IN, TARGET, PERMISSIONS, ORGANIZATION, GRANTS] {
            if !self.checks.iter().any(|done| done.key == check.0) {
                self.add(check, CheckStatus::Skip, severity(check), Some(reason));
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

    /// Ends with a token that holds `roles`, with why the organization could not be read, and with
    /// what became of the grant report.
    pub(super) fn conclude(
        mut self,
        roles: &[String],
        organization: Option<ReasonCode>,
        grants: Finding,
    ) -> ConnectionCheck {
        let mut needed = permission::ALL.iter().filter(|one| one.is_needed_by_operations());
        let complete = needed.all(|permission| permission.granted_by(roles));
        let any = permission::ALL
            .iter()
            .any(|permission| permission.granted_by(roles));
        if complete {
            self.pass(PERMISSIONS);
        } else if !any {
            // Roles that we never asked for prove that somebody granted something, not to us.
            self.fail(PERMISSIONS, ReasonCode::ProviderConsentMissing);
        } else {
            self.add(
                PERMISSIONS,
                CheckStatus::Fail,
                Severity::High,
                Some(ReasonCode::ProviderPermissionMissing),
            );
        }
        let failure = self.organization(any, organization);
        self.note(GRANTS, grants);
        let verification = match failure {
            Some(reason) => verification(reason),
            None if organization.is_none() && !self.any_failed() => VerificationState::Healthy,
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
            requirements: requirements(roles),
            failure,
        }
    }

    /// Adds the check of the organization; the reason if the whole check failed. `any` tells
    /// whether anything that we ask for was granted.
    fn organization(&mut self, any: bool, result: Option<ReasonCode>) -> Option<ReasonCode> {
        match result {
            None => {
                self.pass(ORGANIZATION);
                (!any).then_some(ReasonCode::ProviderConsentMissing)
            }
            // Something was granted, only not this.
            Some(reason @ ReasonCode::ProviderPermissionMissing) if any => {
                self.add(ORGANIZATION, CheckStatus::Warn, Severity::High, Some(reason));
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

/// How much a check matters when it does not pass.
fn severity(check: (&str, &str)) -> Severity {
    if check == PERMISSIONS {
        Severity::High
    } else if check == GRANTS {
        Severity::Medium
    } else {
        Severity::Critical
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
