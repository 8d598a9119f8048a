//! The execution gate: whatever changed since a run was queued ends it before the provider is called,
//! with the reason, its kind, and when the gate looked.

use integration_tests::{TestDatabase, on_both_engines};
use provider_core::testing::FakeProvider;
use serde_json::json;

use crate::{
    access::cases::Place,
    fake_provider::core::Core,
    throttling::kit::{PagedSite, Step, drain, end_waits, lively, run, start},
};

on_both_engines!(
    each_fact_that_changed_is_a_refusal_without_a_call,
    every_attempt_is_looked_at_again,
    a_schedule_that_names_nobody_answers_for_itself,
);

/// What changes, how the run ends, and how it is put right again.
const CASES: [(&str, &str, &str, bool, &str); 8] = [
    (
        "UPDATE members SET role = 'readonly'",
        "initiator_not_entitled",
        "capability_denied",
        false,
        "UPDATE members SET role = 'owner'",
    ),
    (
        "UPDATE operation_runs SET initiator_principal_id = NULL WHERE status = 'queued'",
        "initiator_missing",
        "initiator_invalid",
        false,
        "",
    ),
    (
        "UPDATE provider_connections SET is_enabled = false",
        "provider_connection_disabled",
        "connection_not_operable",
        true,
        "UPDATE provider_connections SET is_enabled = true",
    ),
    (
        "UPDATE provider_connections SET consent_state = 'revoked'",
        "provider_consent_missing",
        "prerequisite_invalid",
        true,
        "UPDATE provider_connections SET consent_state = 'granted'",
    ),
    (
        "UPDATE provider_connections SET scope_identifier = 'site-elsewhere'",
        "provider_target_scope_mismatch",
        "scope_denied",
        false,
        "UPDATE provider_connections SET scope_identifier = 'site-1'",
    ),
    (
        "UPDATE provider_credentials SET expires_at = 1",
        "provider_credential_expired",
        "prerequisite_invalid",
        true,
        "UPDATE provider_credentials SET expires_at = NULL",
    ),
    (
        "UPDATE connection_requirements SET state = 'missing'",
        "provider_permission_missing",
        "prerequisite_invalid",
        true,
        "UPDATE connection_requirements SET state = 'granted'",
    ),
    (
        "DELETE FROM members",
        "initiator_missing",
        "initiator_invalid",
        false,
        "",
    ),
];

/// A place whose connection was checked, so that there is something to change.
async fn checked(core: &Core) -> Place {
    let place = core.connect("site-1", FakeProvider::SECRET).await;
    let check = core.perform(&place, "provider.connection.check").await;
    assert_eq!(check["outcome"], "succeeded", "{check}");
    place
}

async fn each_fact_that_changed_is_a_refusal_without_a_call(database: TestDatabase) {
    let site = PagedSite::with(&[]);
    let core = Core::start_on(database, site.clone(), lively()).await;
    let mut place = checked(&core).await;
    for (change, reason, class, retryable, back) in CASES {
        start(&core, &mut place, "inventory.sync").await;
        assert!(core.database.tamper(change).await > 0, "{change}");
        assert_eq!(drain(&core).await, 1, "{change}");
        if change.starts_with("DELETE") {
            // Nobody is left to read it: the row tells.
            let sql = format!(
                "SELECT count(*) FROM operation_runs WHERE outcome = 'blocked' \
                 AND CAST(context AS TEXT) LIKE '%{class}%' AND CAST(context AS TEXT) LIKE '%{reason}%'"
            );
            assert_eq!(core.database.number(&sql).await, 2, "{change}");
            continue;
        }
        let ended = run(&core, &place).await;
        assert_eq!(
            (&ended["outcome"], &ended["reason_code"]),
            (&json!("blocked"), &json!(reason)),
            "{change}: {ended}"
        );
        let gate = &ended["context"]["execution_gate"];
        assert_eq!(
            (&gate["denial_class"], &gate["reason_code"], &gate["retryable"]),
            (&json!(class), &json!(reason), &json!(retryable)),
            "{change}: {ended}"
        );
        assert!(
            gate["checked_at"].as_str() >= ended["created_at"].as_str(),
            "{ended}"
        );
        if !back.is_empty() {
            core.database.tamper(back).await;
        }
    }
    assert!(site.begins().is_empty(), "nobody called the provider");
    core.stop().await;
}

/// The first attempt was allowed and called; the second one is not.
async fn every_attempt_is_looked_at_again(database: TestDatabase) {
    let pause = Step::Pause(std::time::Duration::from_mins(1));
    let site = PagedSite::with(&[Step::Page, pause]);
    let core = Core::start_on(database, site.clone(), lively()).await;
    let mut place = checked(&core).await;
    start(&core, &mut place, "inventory.sync").await;
    assert_eq!(drain(&core).await, 1);
    assert_eq!(site.begins().len(), 1);
    core.database
        .tamper("UPDATE provider_connections SET is_enabled = false")
        .await;
    end_waits(&core).await;
    assert_eq!(drain(&core).await, 1);
    let ended = run(&core, &place).await;
    assert_eq!(ended["outcome"], "blocked", "{ended}");
    assert_eq!(ended["attempt"], 2);
    let class = &ended["context"]["execution_gate"]["denial_class"];
    assert_eq!(class, "connection_not_operable", "{ended}");
    assert_eq!(site.begins().len(), 1, "the second attempt called nobody");
    core.stop().await;
}

async fn a_schedule_that_names_nobody_answers_for_itself(database: TestDatabase) {
    let site = PagedSite::with(&[]);
    let core = Core::start_on(database, site.clone(), lively()).await;
    let mut place = checked(&core).await;
    start(&core, &mut place, "inventory.sync").await;
    let sql = "UPDATE operation_runs SET initiator_principal_id = NULL, trigger_kind = 'schedule', \
        schedule_id = id WHERE status = 'queued'";
    assert_eq!(core.database.tamper(sql).await, 1);
    assert_eq!(drain(&core).await, 1);
    let ended = run(&core, &place).await;
    assert_eq!(ended["outcome"], "succeeded", "{ended}");
    assert!(ended["context"]["execution_gate"].is_null());
    // The same of somebody who may not do it any more.
    start(&core, &mut place, "inventory.sync").await;
    let sql = "UPDATE operation_runs SET trigger_kind = 'schedule', schedule_id = id WHERE status = 'queued'";
    assert_eq!(core.database.tamper(sql).await, 1);
    core.database.tamper("UPDATE members SET role = 'readonly'").await;
    assert_eq!(drain(&core).await, 1);
    let ended = run(&core, &place).await;
    assert_eq!(ended["reason_code"], "initiator_not_entitled", "{ended}");
    core.stop().await;
}
