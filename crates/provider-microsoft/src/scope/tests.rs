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
fn what_cannot_be_a_secret_is_refused_with_a_code() {
    let long = "x".repeat(LONGEST_SECRET + 1);
    let cases = [
        ("a~8Q-good.secret_value", Ok(())),
        ("", Err("empty")),
        (" leading", Err("surrounding_white_space")),
        ("trailing\u{a0}", Err("surrounding_white_space")),
        ("two\nlines", Err("control_character")),
        ("nul\0", Err("control_character")),
        (TENANT, Err("secret_id_instead_of_value")),
        ("********", Err("placeholder")),
        ("••••", Err("placeholder")),
        (long.as_str(), Err("too_long")),
        (&long[1..], Ok(())),
    ];
    for (text, expected) in cases {
        let answer = rules().check_secret(CredentialKind::ClientSecret, &SecretText::new(text.to_owned()));
        assert_eq!(answer, expected, "{text:?}");
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
fn the_consent_address_is_built_with_the_guid_and_escapes_its_parts() {
    let redirect = Url::parse("https://atlas.example/callback?x=1&y=2").expect("an address");
    let url = rules()
        .consent_url(&destination("global"), &redirect, "a&b=c d")
        .expect("an address");
    assert_eq!(
        &url[..url::Position::AfterPath],
        format!("https://login.microsoftonline.com/{TENANT}/v2.0/adminconsent")
    );
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let expected = [
        ("client_id", CLIENT.to_lowercase()),
        ("scope", "https://graph.microsoft.com/.default".to_owned()),
        ("redirect_uri", redirect.to_string()),
        ("state", "a&b=c d".to_owned()),
    ];
    assert_eq!(pairs, expected.map(|(key, value)| (key.to_owned(), value)));
}

#[test]
fn no_consent_address_without_a_client_or_a_cloud() {
    let redirect = Url::parse("https://atlas.example/").expect("an address");
    let nobody = Destination {
        client_identifier: None,
        ..destination("global")
    };
    assert_eq!(
        rules().consent_url(&nobody, &redirect, "s"),
        Err(ScopeProblem::MissingProviderContext)
    );
    let nowhere = destination("mars");
    assert_eq!(
        rules().consent_url(&nowhere, &redirect, "s"),
        Err(ScopeProblem::InvalidProviderContext)
    );
}

#[test]
fn requirements_are_known_for_each_operation() {
    assert_eq!(rules().requirements("inventory.sync").len(), 6);
    assert_eq!(
        rules().requirements("compliance.snapshot"),
        [
            "permissions.devices_read",
            "permissions.configuration_read",
            "permissions.access_policies_read"
        ]
    );
    assert!(rules().requirements("provider.connection.check").is_empty());
    assert!(rules().requirements("unheard.of").is_empty());
}
