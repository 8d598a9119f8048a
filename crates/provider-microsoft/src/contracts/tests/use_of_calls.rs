//! What the operations really ask for, against what the registry and the page say of them.

use inventory::InventoryExecutor as _;

use super::*;
use crate::testing::{CLIENT, Stage, TENANT};

/// Several calls in one. What is in it is not to be seen from outside.
const ENVELOPE: &str = "/v1.0/$batch";

/// The rows that the calls so far were made from. A call that no row describes fails.
fn rows_of(stage: &Stage) -> BTreeSet<&'static str> {
    let base = Url::parse(&stage.simulator.base_url()).expect("an address");
    let calls = stage.simulator.control().calls();
    let asked = calls
        .iter()
        .filter(|call| call.path.starts_with("/v1.0/") || call.path.starts_with("/beta/"))
        .filter(|call| call.path != ENVELOPE);
    asked
        .map(|call| {
            let row = ALL.iter().find(|row| begins(row, &base, &call.path));
            row.unwrap_or_else(|| panic!("{} is in the registry", call.path))
                .name
        })
        .collect()
}

/// Whether `path` is the row's first address, or a later page of it.
fn begins(row: &Contract, base: &Url, path: &str) -> bool {
    let first = match row.path {
        Path::Fixed(_) => row.url(base).path().to_owned(),
        Path::Of(before, after) => {
            let rest = path.strip_prefix(&format!("{}{before}", row.version.prefix()));
            let id = rest.and_then(|rest| rest.get(..36)).unwrap_or_default();
            format!("{}{before}{id}{after}", row.version.prefix())
        }
    };
    path.split('?').next() == Some(first.as_str())
}

fn expected(operation: &str) -> BTreeSet<&'static str> {
    let rows = ALL.iter().filter(|row| row.used_by.contains(&operation));
    rows.map(|row| row.name).collect()
}

#[tokio::test]
async fn the_inventory_makes_the_calls_that_are_listed_for_it() {
    let stage = Stage::new().await;
    // Where there are no envelopes, every call is made alone.
    let none = microsoft_simulator::FaultKind::Status {
        status: 404,
        body: String::new(),
    };
    stage.fault(ENVELOPE, 9, none);
    stage.collect().await.expect("is read");
    assert_eq!(rows_of(&stage), expected(permission::INVENTORY));
}

#[tokio::test]
async fn the_compliance_snapshot_makes_the_calls_that_are_listed_for_it() {
    let stage = Stage::new().await;
    stage
        .provider
        .measure(&stage.access, &stage.run)
        .await
        .expect("is measured");
    // The summary stands in for the list of devices where that is not granted.
    let role = "DeviceManagementManagedDevices.Read.All";
    let roles = microsoft_simulator::RECOMMENDED_ROLES
        .into_iter()
        .filter(|own| *own != role);
    stage
        .simulator
        .control()
        .set_app_roles(TENANT, CLIENT, roles.collect::<Vec<_>>());
    stage.clock.advance(chrono::TimeDelta::hours(2));
    stage
        .provider
        .measure(&stage.access, &stage.run)
        .await
        .expect("is measured");
    assert_eq!(rows_of(&stage), expected(permission::COMPLIANCE));
}

#[tokio::test]
async fn the_check_makes_the_calls_that_are_listed_for_it() {
    let stage = Stage::new().await;
    stage.check().await.expect("comes to its end");
    assert_eq!(rows_of(&stage), expected(permission::CHECK));
}

#[tokio::test]
async fn a_call_that_does_not_exist_in_a_cloud_is_not_sent_there() {
    let mut stage = Stage::new().await;
    stage.access.destination.realm = "bleu-fr".to_owned();
    let (collection, _) = stage.collect().await.expect("is read");
    let absent = inventory::SectionOutcome::NotAssessed(provider_core::ReasonCode::ProviderNotProvisioned);
    let gaps: Vec<_> = collection
        .sections
        .iter()
        .filter(|section| section.outcome == absent)
        .map(|section| section.kind.as_str())
        .collect();
    assert_eq!(
        gaps,
        ["configuration_policy", "access_policy", "network_location"]
    );
    assert_eq!((stage.calls("conditionalAccess"), stage.calls("/beta/")), (0, 0));
    assert!(stage.calls("deviceConfigurations") > 0);
}
