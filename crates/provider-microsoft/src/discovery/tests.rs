//! Which documents are a tenant's, which names are asked for at all, and the way over real HTTP.

use kernel::SequentialIds;
use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::testing::{Stage, TENANT};

const DOCUMENT: &str = include_str!("../../fixtures/answers/entra.openid-configuration-tenant.json");
const UNKNOWN: &str = include_str!("../../fixtures/answers/entra.openid-90002-unknown-tenant-400.json");

fn read(document: &Value) -> Result<Discovery, DiscoveryError> {
    let endpoints = Endpoints::of(Cloud::Global, None);
    Document::read(document.to_string().as_bytes(), Cloud::Global, &endpoints)
}

/// The document with some members changed.
fn with(changes: Value) -> Value {
    let mut document: Value = serde_json::from_str(DOCUMENT).expect("JSON");
    let (Value::Object(document_map), Value::Object(changes)) = (&mut document, changes) else {
        panic!("objects")
    };
    document_map.extend(changes);
    document
}

/// As the document of a tenant on other hosts.
fn on(login: &str, graph: &str, sub_scope: Option<&str>) -> Value {
    with(json!({
        "issuer": format!("https://{login}/{TENANT}/v2.0"),
        "token_endpoint": format!("https://{login}/{TENANT}/oauth2/v2.0/token"),
        "msgraph_host": graph,
        "tenant_region_sub_scope": sub_scope,
    }))
}

#[test]
fn a_tenant_is_read_in_every_cloud() {
    for cloud in Cloud::ALL {
        let found = read(&on(cloud.login_host(), cloud.graph_host(), None));
        assert_eq!(
            found,
            Ok(Discovery {
                tenant: TENANT,
                cloud
            })
        );
    }
    let government = |sub| read(&on("login.microsoftonline.us", "graph.microsoft.us", Some(sub)));
    assert_eq!(government("DOD").map(|found| found.cloud), Ok(Cloud::UsGovL5Dod));
    assert_eq!(government("DODCON").map(|found| found.cloud), Ok(Cloud::UsGovL4));
    let gcc = with(json!({ "tenant_region_sub_scope": "GCC" }));
    assert_eq!(read(&gcc).map(|found| found.cloud), Ok(Cloud::Global));
    let old = with(json!({ "msgraph_host": null }));
    assert_eq!(
        read(&old).map(|found| found.cloud),
        Ok(Cloud::Global),
        "by its instance"
    );
}

#[test]
fn what_is_not_one_tenants_metadata_is_refused() {
    let login = "https://login.microsoftonline.com";
    let issuer = |text: String| with(json!({ "issuer": text }));
    let token = |text: String| with(json!({ "token_endpoint": text }));
    let bad = [
        json!({}),
        json!([]),
        issuer(format!("{login}/{{tenantid}}/v2.0")),
        issuer(format!("{login}/common/v2.0")),
        issuer(format!("{login}/contoso.com/v2.0")),
        issuer(format!("{login}/{TENANT}/v2.0/more")),
        issuer(format!("{login}/{TENANT}/v2.0?x=1")),
        issuer(format!("{login}/{TENANT}")),
        issuer(format!("https://evil.example/{TENANT}/v2.0")),
        issuer(format!(
            "https://login.microsoftonline.com.evil.example/{TENANT}/v2.0"
        )),
        issuer(format!("http://login.microsoftonline.com/{TENANT}/v2.0")),
        issuer(format!("https://login.microsoftonline.com:8443/{TENANT}/v2.0")),
        issuer(format!("https://login.microsoftonline.us/{TENANT}/v2.0")),
        token(format!("https://evil.example/{TENANT}/oauth2/v2.0/token")),
        token(format!(
            "{login}/11111111-bbbb-4ccc-8ddd-000000000003/oauth2/v2.0/token"
        )),
        with(json!({ "msgraph_host": "graph.microsoft.com.evil.example" })),
        with(json!({ "msgraph_host": "https://graph.microsoft.com" })),
        with(json!({ "msgraph_host": null, "cloud_instance_name": null })),
        with(json!({ "msgraph_host": null, "cloud_instance_name": "elsewhere.example" })),
    ];
    for document in bad {
        assert_eq!(read(&document), Err(DiscoveryError::Unreadable), "{document}");
    }
}

#[test]
fn only_names_of_tenants_are_asked_for() {
    let id = TENANT.to_string();
    assert_eq!(canonical(&id.to_uppercase()), Some(id));
    assert_eq!(canonical(" Contoso.COM "), Some("contoso.com".to_owned()));
    assert_eq!(
        canonical("xn--bcher-kva.example"),
        Some("xn--bcher-kva.example".to_owned())
    );
    for bad in [
        "",
        "common",
        "organizations",
        "consumers",
        "contoso",
        "contoso..com",
        ".com",
        "contoso.com/..",
        "contoso.com?x",
        "contoso.com#x",
        "a@contoso.com",
        "-a.com",
        "a-.com",
        "bücher.example",
        "a b.com",
        "contoso.com\\x",
        "%2e%2e.com",
        "00000000-0000-0000-0000-000000000000",
    ] {
        assert_eq!(canonical(bad), None, "{bad}");
    }
    assert_eq!(canonical(&format!("{}.com", "a".repeat(64))), None);
}

#[test]
fn refusals_are_told_apart() {
    assert_eq!(refused(400, UNKNOWN.as_bytes()), DiscoveryError::NotFound);
    let elsewhere = json!({ "error": "invalid_request", "error_codes": [90_038] }).to_string();
    assert_eq!(refused(400, elsewhere.as_bytes()), DiscoveryError::Elsewhere);
    assert_eq!(
        refused(503, b"<html>"),
        DiscoveryError::Unavailable(ReasonCode::ProviderUnavailable)
    );
    assert_eq!(
        refused(302, b""),
        DiscoveryError::Unavailable(ReasonCode::ProviderResponseInvalid),
        "a redirect is not followed"
    );
}

#[tokio::test]
async fn a_domain_leads_to_its_tenant() {
    let stage = Stage::new().await;
    let url = Url::parse(&stage.simulator.base_url()).expect("an address");
    let instead = EndpointOverride::loopback(url).expect("loopback");
    let ids = SequentialIds::default();
    let ask = async |name: &str| {
        discover(name, Cloud::Global, Some(&instead), &ids)
            .await
            .expect("a client")
    };
    let found = Ok(Discovery {
        tenant: TENANT,
        cloud: Cloud::Global,
    });
    assert_eq!(ask("contoso.example").await, found);
    assert_eq!(ask(&TENANT.to_string()).await, found);
    assert_eq!(ask("nobody.example").await, Err(DiscoveryError::NotFound));
    assert_eq!(ask("common").await, Err(DiscoveryError::InvalidName));
    assert!(stage.calls("common") == 0, "is not even asked for");

    let endless = microsoft_simulator::FaultKind::Status {
        status: 200,
        body: "x".repeat((64 << 10) + 1),
    };
    stage.fault("openid-configuration", 1, endless);
    let next = ask("contoso.example").await.map(|found| found.cloud);
    assert_eq!(next, Ok(Cloud::UsGovL4), "too large: the next cloud is asked");
}
