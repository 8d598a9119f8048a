//! What is said of consent, for every result that a check with a token can have.

use super::*;

fn conclude(roles: &[&str], organization: Option<ReasonCode>) -> ConnectionCheck {
    let roles: Vec<_> = roles.iter().map(|role| (*role).to_owned()).collect();
    Report::default().conclude(&roles, organization)
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
