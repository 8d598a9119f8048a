//! What is said of consent, for every result that a check with a token can have.

use super::*;

fn conclude(roles: &[&str], organization: Option<ReasonCode>) -> ConnectionCheck {
    let roles: Vec<_> = roles.iter().map(|role| (*role).to_owned()).collect();
    Report::default().conclude(&roles, organization, Finding::Pass)
}

#[test]
fn consent_takes_a_role_that_we_asked_for() {
    let (denied, missing) = (
        ReasonCode::ProviderPermissionMissing,
        ReasonCode::ProviderConsentMissing,
    );
    let down = ReasonCode::ProviderUnavailable;
    let foreign = ReasonCode::ProviderTargetScopeMismatch;
    let (granted, required) = (Some(ConsentState::Granted), Some(ConsentState::Required));
    let cases = [
        (&["User.Read.All"][..], None, granted, None),
        (&["User.Read.All"], Some(denied), granted, None),
        (&["Directory.ReadWrite.All"], None, granted, None),
        (&["User.Read.All"], Some(down), None, Some(down)),
        (&["User.Read.All"], Some(foreign), None, Some(foreign)),
        (&[], Some(denied), required, Some(missing)),
        (&[], None, required, Some(missing)),
        (&["Mail.Read"], Some(denied), required, Some(missing)),
        // The organization can be read without any role that we asked for.
        (&["Mail.Read"], None, required, Some(missing)),
        (&["Mail.Read"], Some(down), None, Some(down)),
    ];
    for (roles, organization, consent, failure) in cases {
        let check = conclude(roles, organization);
        assert_eq!(
            (check.consent, check.failure),
            (consent, failure),
            "{roles:?} {organization:?}"
        );
    }
}

#[test]
fn what_only_completes_the_report_makes_nobody_ill() {
    let spare = "Application.Read.All";
    let needed = permission::ALL
        .iter()
        .map(|one| one.role())
        .filter(|role| *role != spare);
    let roles: Vec<_> = needed.map(str::to_owned).collect();
    let skipped = Finding::Skip(ReasonCode::ProviderPermissionMissing);
    let check = Report::default().conclude(&roles, None, skipped);
    assert_eq!(check.verification, VerificationState::Healthy);
    let missing: Vec<_> = check
        .requirements
        .iter()
        .filter(|(_, state)| *state == RequirementState::Missing)
        .map(|(key, _)| *key)
        .collect();
    assert_eq!(missing, ["permissions.grants_read"]);
    let warned = Finding::Warn(ReasonCode::ProviderConsentPending);
    let check = Report::default().conclude(&roles, None, warned);
    assert_eq!(check.verification, VerificationState::Healthy);
    let mut late = Report::default();
    late.note(super::super::CLOCK, Finding::Fail(ReasonCode::ProviderClockSkew));
    let check = late.conclude(&roles, None, Finding::Pass);
    assert_eq!(
        (check.verification, check.failure),
        (VerificationState::Degraded, None)
    );
}
