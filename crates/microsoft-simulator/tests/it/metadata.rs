//! What clients ask before they sign in: tenant metadata, keys, instance discovery.

use crate::support::{Stage, TENANT};

#[tokio::test]
async fn metadata_leads_from_a_domain_to_the_tenant() {
    let stage = Stage::start().await;
    for name in [
        "contoso.example",
        "CONTOSO.onmicrosoft.example",
        &TENANT.to_string(),
    ] {
        let path = format!("/{name}/v2.0/.well-known/openid-configuration");
        let body = stage.get_with(&path, "").await.json().await;
        assert_eq!(body["issuer"], format!("{}/{TENANT}/v2.0", stage.base()));
    }
    let unknown = stage
        .get_with("/nowhere.example/v2.0/.well-known/openid-configuration", "")
        .await;
    assert_eq!(
        (unknown.status(), unknown.header("cache-control").as_deref()),
        (400, Some("max-age=86400, private"))
    );
    assert_eq!(unknown.json().await["error"], "invalid_tenant");
}

#[tokio::test]
async fn metadata_names_no_other_host() {
    let stage = Stage::start().await;
    let path = format!("/{TENANT}/v2.0/.well-known/openid-configuration");
    let body = stage.get_with(&path, "").await.json().await;
    for (name, value) in body.as_object().expect("an object") {
        let text = value.as_str().unwrap_or_default();
        assert!(
            !text.contains("://") || text.starts_with(&stage.base()),
            "{name}: {text}"
        );
    }
    let keys = body["jwks_uri"].as_str().expect("an address");
    let answer = stage.client().get(keys).send().await.expect("answers");
    assert_eq!(answer.text().await.expect("a text"), r#"{"keys":[]}"#);
}

/// MSAL leaves the port out of the address that it asks about.
#[tokio::test]
async fn instance_discovery_knows_this_machine_alone() {
    let stage = Stage::start().await;
    let ask = async |endpoint: &str| {
        let path = format!("/common/discovery/instance?api-version=1.1&authorization_endpoint={endpoint}");
        let answer = stage.get_with(&path, "").await;
        (answer.status(), answer.json().await)
    };
    let expected = format!(
        "{}/contoso.example/v2.0/.well-known/openid-configuration",
        stage.base()
    );
    for host in ["127.0.0.1", "127.0.0.1:9", "localhost", "[::1]:1"] {
        let (status, body) = ask(&format!("https://{host}/contoso.example/oauth2/v2.0/authorize")).await;
        assert_eq!(
            (status, &body["tenant_discovery_endpoint"]),
            (200, &expected.as_str().into())
        );
    }
    for endpoint in [
        "https://login.example/contoso.example",
        "https://127.0.0.1/",
        "nonsense",
    ] {
        let (status, body) = ask(endpoint).await;
        assert_eq!(
            (status, &body["error"]),
            (400, &"invalid_instance".into()),
            "{endpoint}"
        );
    }
    let missing = stage.get_with("/common/discovery/instance", "").await;
    assert_eq!(missing.json().await["error_codes"][0], 900_144);
}
