//! What the directory and a sign-in may say of the same permissions.

use super::*;

#[test]
fn the_documented_answers_are_read() {
    let client = include_str!("../../../fixtures/answers/servicePrincipals.get.json");
    assert!(serde_json::from_str::<Client>(client).is_ok());
    let grants = include_str!("../../../fixtures/answers/servicePrincipals.appRoleAssignments.json");
    let grants: serde_json::Value = serde_json::from_str(grants).expect("JSON");
    let grants: Vec<Grant> = serde_json::from_value(grants["value"].clone()).expect("grants");
    assert_eq!(grants.len(), 1);
    assert!(!grants[0].app_role_id.is_nil());
}

#[test]
fn both_must_say_the_same_of_what_we_ask_for() {
    let [users, groups] = [&permission::USERS, &permission::GROUPS];
    let names = |permissions: &[&permission::Permission]| -> Vec<String> {
        permissions.iter().map(|one| one.role().to_owned()).collect()
    };
    let stranger = Uuid::from_u128(7);
    let both = [users.role_id(), groups.role_id(), stranger, Uuid::nil()];
    assert_eq!(compare(&both, &names(&[users, groups])), Finding::Pass);
    assert_eq!(
        compare(&[stranger], &["Mail.Read".to_owned()]),
        Finding::Pass,
        "not ours"
    );
    assert_eq!(
        compare(&both, &names(&[users])),
        Finding::Warn(ReasonCode::ProviderConsentPending)
    );
    assert_eq!(
        compare(&both[..1], &names(&[users, groups])),
        Finding::Warn(ReasonCode::ProviderPermissionMissing)
    );
    assert_eq!(
        compare(&both[..1], &names(&[groups])),
        Finding::Warn(ReasonCode::ProviderPermissionMissing),
        "what was taken back weighs more"
    );
}
