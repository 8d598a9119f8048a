//! What names a tenant and what does not, what cannot be a secret, and where consent is given.

use provider_core::TargetScope;
use serde_json::json;

use super::*;

const TENANT: &str = "11111111-bbbb-4ccc-8ddd-000000000002";
const CLIENT: &str = "11111111-AAAA-4bbb-8ccc-000000000001";

fn rules() -> MicrosoftScopeRules {
    MicrosoftScopeRules::default()
}

fn destination(realm: &str) -> Destination {
    Destination {
        provider: rules().provider(),
        realm: realm.to_owned(),
        scope_kind: ScopeKind::Tenant,
        scope_identifier: rules()
            .canonical_identifier(ScopeKind::Tenant, TENANT)
            .expect("a tenant"),
        client_identifier: Some(rules().canonical_client(CLIENT).expect("a client")),
    }
}

fn context(value: serde_json::Value) -> ProviderContext {
    serde_json::from_value(value).expect("an object")
}

#[test]
fn a_tenant_has_one_spelling() {
    let upper = rules().canonical_identifier(ScopeKind::Tenant, &TENANT.to_uppercase());
    assert_eq!(upper.expect("a tenant").as_str(), TENANT);
    let refused = [
        "",
        "common",
        "organizations",
        "consumers",
        "contoso.onmicrosoft.com",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "9188040d-6c67-4c5b-b112-36a304b66dad",
        "{11111111-bbbb-4ccc-8ddd-000000000002}",
        "11111111bbbb4ccc8ddd000000000002",
        "urn:uuid:11111111-bbbb-4ccc-8ddd-000000000002",
        " 11111111-bbbb-4ccc-8ddd-000000000002",
        "11111111-bbbb-4ccc-8ddd-00000000000g",
        "11111111-bbbb-4ccc-8ddd-000000000002/..",
    ];
    for text in refused {
        let answer = rules().canonical_identifier(ScopeKind::Tenant, text);
        assert_eq!(answer, Err(ScopeProblem::InvalidIdentifier), "{text}");
    }
}

#[test]
fn the_core_normalizes_with_these_rules() {
    let name = tenancy_name("Contoso");
    let scope = TargetScope::normalize(
        &rules(),
        &rules().provider(),
        ScopeKind::Tenant,
        &TENANT.to_uppercase(),
        name,
    );
    assert_eq!(
        scope.expect("a scope").scope_key(),
        format!("microsoft/tenant/{TENANT}")
    );
}

/// The name type belongs to a crate that this one does not depend on; the compiler knows it.
fn tenancy_name<N: serde::de::DeserializeOwned>(text: &str) -> N {
    serde_json::from_value(json!(text)).expect("a name")
}

#[test]
fn the_cloud_comes_from_the_context_or_is_the_global_one() {
    assert_eq!(rules().realm(&context(json!({}))), Ok("global".to_owned()));
    assert_eq!(
        rules().realm(&context(json!({ "cloud": "usgov-l4" }))),
        Ok("usgov-l4".to_owned())
    );
    for bad in [
        json!({ "cloud": "mars" }),
        json!({ "cloud": 1 }),
        json!({ "region": "eu" }),
        json!({ "cloud": null }),
    ] {
        assert_eq!(
            rules().realm(&context(bad.clone())),
            Err(ScopeProblem::InvalidProviderContext),
            "{bad}"
        );
    }
}

#[test]
fn the_context_names_hosts_and_ids() {
    let shown = serde_json::to_value(rules().context(&destination("usgov-l5-dod"))).expect("serializes");
    let expected = json!({
        "cloud": "usgov-l5-dod",
        "tenant_id": TENANT,
        "authority_host": "login.microsoftonline.us",
        "graph_host": "dod-graph.microsoft.us",
        "client_id": CLIENT.to_lowercase(),
    });
    assert_eq!(shown, expected);
}

#[test]
fn requirements_are_known_for_each_operation() {
    assert_eq!(rules().requirements("inventory.sync").len(), 11);
    assert_eq!(
        rules().requirements("compliance.snapshot"),
        [
            "permissions.devices_read",
            "permissions.configuration_read",
            "permissions.access_policies_read"
        ]
    );
    assert_eq!(
        rules().requirements("provider.connection.check"),
        ["permissions.organization_read", "permissions.grants_read"]
    );
    assert!(rules().requirements("unheard.of").is_empty());
}
