//! What the operations really ask for, against what the registry and the page say of them.

use inventory::InventoryExecutor as _;
use provider_core::ProviderExecutor as _;

use super::*;
use crate::testing::{
    CLIENT, Set, Stage, TENANT,
    service::{Heard, Reply},
};

/// The rows that the calls so far were made from. A call that no row describes fails. What is in an
/// envelope is not to be seen at the simulator: see the test that catches envelopes.
fn rows_of(stage: &Stage) -> BTreeSet<&'static str> {
    let base = Url::parse(&stage.simulator.base_url()).expect("an address");
    let calls = stage.simulator.control().calls();
    let asked = calls
        .iter()
        .filter(|call| call.path.starts_with("/v1.0/") || call.path.starts_with("/beta/"))
        .filter(|call| call.path != ENVELOPE.address());
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
    stage.fault(&ENVELOPE.address(), 9, none);
    stage.collect().await.expect("is read");
    assert_eq!(rows_of(&stage), expected(permission::INVENTORY));
}

/// The method and the address, as it would be alone, of each call in an envelope.
fn inside(envelope: &Heard) -> Vec<(String, String)> {
    let body: serde_json::Value = serde_json::from_slice(&envelope.body).expect("JSON");
    let root = ENVELOPE.address().replace("/$batch", "");
    let text = |part: &serde_json::Value, key: &str| part[key].as_str().expect("a text").to_owned();
    let parts = body["requests"].as_array().expect("a list");
    let call = |part| (text(part, "method"), root.clone() + &text(part, "url"));
    parts.iter().map(call).collect()
}

#[tokio::test]
async fn envelopes_hold_calls_of_the_registry_and_nothing_else() {
    // Each part is answered with a refusal of the tenant: that is an answer.
    let set = Set::new(|heard, _, _| {
        if heard.path != ENVELOPE.address() {
            return Reply::empty(heard);
        }
        let answers = (0..inside(heard).len())
            .map(|id| serde_json::json!({ "id": id.to_string(), "status": 404, "body": {} }));
        let answers: Vec<_> = answers.collect();
        Reply::json(200, &serde_json::json!({ "responses": answers }))
    })
    .await;
    set.attempt().await.0.expect("is read");
    let measured = set.provider.measure(&set.access, &set.run).await;
    measured.expect("is measured");
    let checked = set.provider.check(&set.access, &set.run).await;
    checked.expect("comes to its end");
    let posts = |heard: &Heard| heard.method != "GET" && !heard.path.ends_with("/token");
    let all = set.service.heard("/");
    let envelopes: Vec<_> = all.iter().filter(|heard| posts(heard)).collect();
    assert!(envelopes.iter().all(|heard| heard.path == ENVELOPE.address()));
    let calls: Vec<_> = envelopes.into_iter().flat_map(inside).collect();
    assert!(!calls.is_empty());
    let base = Url::parse(&set.service.address).expect("an address");
    let address = |row: &&Contract| row.url(&base)[url::Position::BeforePath..].to_owned();
    for (method, call) in calls {
        assert_eq!(method, "GET");
        assert!(
            ALL.iter().any(|row| address(row) == call),
            "{call} is in the registry"
        );
    }
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
