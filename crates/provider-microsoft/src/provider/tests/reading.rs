//! Inventories and compliance snapshots.

use std::collections::BTreeSet;

use inventory::{ControlState, InventoryExecutor as _, ItemKind, SectionOutcome};
use provider_core::{Interrupt, Progress, ProviderFailure, ReasonCode};

use crate::testing::{Stage, TENANT, section};

#[tokio::test]
async fn every_kind_is_read_to_the_last_page() {
    let stage = Stage::with(|tenant| tenant.users = 2_300).await;
    let (collection, items) = stage.collect().await.expect("is read");
    let expected = [
        (ItemKind::Organization, 1),
        (ItemKind::User, 2_300),
        (ItemKind::Group, 40),
        (ItemKind::RegisteredDevice, 180),
        (ItemKind::DirectoryRole, 3),
        (ItemKind::Domain, 2),
        (ItemKind::Licence, 2),
        (ItemKind::Device, 180),
        (ItemKind::ConfigurationPolicy, 24),
        (ItemKind::ConfigurationPolicy, 24),
        (ItemKind::CompliancePolicy, 6),
        (ItemKind::EnrollmentPolicy, 4),
        (ItemKind::Application, 5),
        (ItemKind::AccessPolicy, 8),
        (ItemKind::NetworkLocation, 2),
    ];
    let sections: Vec<_> = collection
        .sections
        .iter()
        .map(|section| (section.kind, section.items))
        .collect();
    assert_eq!(sections, expected);
    assert!(
        collection
            .sections
            .iter()
            .all(|section| section.outcome == SectionOutcome::Complete)
    );
    let distinct: BTreeSet<_> = items.iter().map(|item| (item.kind, &item.external_id)).collect();
    assert_eq!(
        distinct.len() as u64,
        expected.iter().map(|(_, count)| count).sum::<u64>()
    );
    assert_eq!(items[0].external_id, TENANT.to_string());
    assert_eq!(items[0].display_name, "Contoso");
    assert_eq!(stage.calls("/v1.0/users?"), 3);
    assert_eq!(stage.calls("/token"), 1);
}

#[tokio::test]
async fn progress_is_told_against_known_totals() {
    let stage = Stage::new().await;
    stage.collect().await.expect("is read");
    let progress = stage.run.progress.lock().expect("no holder panics").clone();
    let total = 250 + 40 + 180 + 180;
    assert!(
        progress
            .iter()
            .all(|progress| progress.total == total && progress.processed <= total)
    );
    assert!(
        progress.is_sorted_by_key(|progress| progress.processed),
        "never backwards"
    );
    assert_eq!(
        progress.last(),
        Some(&Progress {
            processed: total,
            total
        })
    );
    assert!(progress.iter().any(|progress| progress.processed == 250));
}

#[tokio::test]
async fn nothing_that_reaches_a_person_is_observed() {
    let stage = Stage::new().await;
    let (_, items) = stage.collect().await.expect("is read");
    for item in items.iter().filter(|item| item.kind != ItemKind::Organization) {
        let text = serde_json::to_string(&item.attributes).expect("serializes");
        for forbidden in ["@", "contoso", "SN0", "+00", "sensitive", "Kept by"] {
            assert!(!text.contains(forbidden), "{forbidden} in {text}");
        }
    }
}

#[tokio::test]
async fn a_missing_permission_leaves_out_one_kind() {
    let stage = Stage::with(|tenant| tenant.apps[0].roles.retain(|role| role != "Policy.Read.All")).await;
    let (collection, _) = stage.collect().await.expect("is read");
    let missing = SectionOutcome::NotAssessed(ReasonCode::ProviderPermissionMissing);
    assert_eq!(section(&collection, ItemKind::AccessPolicy), (missing, 0));
    assert_eq!(section(&collection, ItemKind::NetworkLocation), (missing, 0));
    let complete = collection
        .sections
        .iter()
        .filter(|section| section.outcome == SectionOutcome::Complete);
    assert_eq!(complete.count(), 13);
}

#[tokio::test]
async fn a_permission_that_was_granted_later_is_seen_by_a_later_run() {
    let stage = Stage::with(|tenant| tenant.apps[0].roles.retain(|role| role != "Policy.Read.All")).await;
    stage.collect().await.expect("is read");
    let client = stage.simulator.control();
    client.set_app_roles(
        TENANT,
        crate::testing::CLIENT,
        microsoft_simulator::RECOMMENDED_ROLES,
    );
    stage.clock.advance(chrono::TimeDelta::minutes(2));
    stage.collect().await.expect("is read");
    let (collection, _) = stage.collect().await.expect("is read");
    assert_eq!(
        section(&collection, ItemKind::AccessPolicy),
        (SectionOutcome::Complete, 8)
    );
    assert_eq!(
        stage.calls("/token"),
        2,
        "one new token, not one for each refusal"
    );
}

#[tokio::test]
async fn a_tenant_without_intune_is_not_assessed_there() {
    let stage = Stage::with(|tenant| tenant.intune_licensed = false).await;
    let (collection, _) = stage.collect().await.expect("is read");
    let absent = SectionOutcome::NotAssessed(ReasonCode::ProviderNotProvisioned);
    for kind in [
        ItemKind::Device,
        ItemKind::ConfigurationPolicy,
        ItemKind::CompliancePolicy,
        ItemKind::EnrollmentPolicy,
        ItemKind::Application,
    ] {
        assert_eq!(section(&collection, kind), (absent, 0));
    }
    assert_eq!(
        section(&collection, ItemKind::User),
        (SectionOutcome::Complete, 250)
    );
    assert_eq!(
        section(&collection, ItemKind::AccessPolicy),
        (SectionOutcome::Complete, 8)
    );
}

#[tokio::test]
async fn a_cancellation_is_heard_between_pages() {
    let mut stage = Stage::with(|tenant| tenant.users = 5_000).await;
    stage.run.cancel_at = 6;
    let canceled = ProviderFailure::Interrupted(Interrupt::CancelRequested);
    assert_eq!(stage.collect().await.expect_err("is canceled"), canceled);
    assert!(stage.calls("/v1.0/users?") < 6, "not read to the end");
}

#[tokio::test]
async fn controls_count_what_the_lists_show() {
    let stage = Stage::new().await;
    let measurement = stage
        .provider
        .measure(&stage.access, &stage.run)
        .await
        .expect("is measured");
    let (_, items) = stage.collect().await.expect("is read");
    let of = |kind, key: &str, value: &serde_json::Value| {
        items
            .iter()
            .filter(|item| item.kind == kind && item.attributes.get(key) == Some(value))
            .count() as u64
    };
    let keys: Vec<_> = measurement
        .controls
        .iter()
        .map(|control| control.control.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "devices.compliant",
            "devices.encrypted",
            "compliance_policies.present",
            "access_policies.enabled"
        ]
    );
    let [compliant, encrypted, policies, access] = &measurement.controls[..] else {
        panic!("four controls")
    };
    assert_eq!(
        compliant.compliant,
        of(ItemKind::Device, "compliance_state", &"compliant".into())
    );
    let left_out =
        ["unknown", "configManager"].map(|state| of(ItemKind::Device, "compliance_state", &state.into()));
    assert_eq!(compliant.assessed, 180 - left_out.iter().sum::<u64>());
    assert_eq!(compliant.state, ControlState::NonCompliant);
    assert_eq!(
        (encrypted.assessed, encrypted.compliant),
        (180, of(ItemKind::Device, "encrypted", &true.into()))
    );
    let unassigned = of(ItemKind::CompliancePolicy, "assignment_count", &0.into());
    assert_eq!((policies.assessed, policies.compliant), (6, 6 - unassigned));
    assert_eq!(
        (access.assessed, access.compliant),
        (8, of(ItemKind::AccessPolicy, "state", &"enabled".into()))
    );
}

#[tokio::test]
async fn without_the_device_list_the_summary_still_tells_compliance() {
    let role = "DeviceManagementManagedDevices.Read.All";
    let stage = Stage::with(|tenant| tenant.apps[0].roles.retain(|own| own != role)).await;
    let measurement = stage
        .provider
        .measure(&stage.access, &stage.run)
        .await
        .expect("is measured");
    let states: Vec<_> = measurement
        .controls
        .iter()
        .map(|control| (control.state, control.reason_code))
        .collect();
    assert_eq!(states[0], (ControlState::NonCompliant, None));
    assert_eq!(
        states[1],
        (
            ControlState::NotAssessed,
            Some(ReasonCode::ProviderPermissionMissing)
        )
    );
}

#[tokio::test]
async fn what_is_not_licensed_is_not_counted_against_the_customer() {
    let stage = Stage::with(|tenant| {
        tenant.intune_licensed = false;
        tenant.conditional_access_policies = 0;
    })
    .await;
    let measurement = stage
        .provider
        .measure(&stage.access, &stage.run)
        .await
        .expect("is measured");
    let (last, intune) = measurement.controls.split_last().expect("four controls");
    for control in intune {
        assert_eq!(control.state, ControlState::NotAssessed, "{}", control.control);
        assert_eq!(control.reason_code, Some(ReasonCode::ProviderNotProvisioned));
    }
    assert_eq!(
        (last.state, last.assessed, last.compliant),
        (ControlState::NonCompliant, 1, 0),
        "none is a finding"
    );
}

#[tokio::test]
async fn a_beta_call_that_fails_is_a_gap_and_the_rest_is_read() {
    let stage = Stage::new().await;
    let gone = microsoft_simulator::FaultKind::Status {
        status: 404,
        body: r#"{"error":{"code":"BadRequest","message":"Resource not found for the segment."}}"#.to_owned(),
    };
    stage.fault("/beta/", 9, gone);
    let (collection, items) = stage.collect().await.expect("is read");
    let gaps: Vec<_> = collection
        .sections
        .iter()
        .filter(|section| section.outcome != SectionOutcome::Complete)
        .collect();
    let [gap] = gaps[..] else {
        panic!("one gap: {gaps:?}")
    };
    assert_eq!(
        (gap.kind, gap.outcome),
        (
            ItemKind::ConfigurationPolicy,
            SectionOutcome::Failed(ReasonCode::ProviderResponseInvalid)
        )
    );
    let policies = items
        .iter()
        .filter(|item| item.kind == ItemKind::ConfigurationPolicy);
    assert_eq!(policies.count(), 24, "the others are there");
    assert_eq!(stage.calls("/beta/"), 1);
}
