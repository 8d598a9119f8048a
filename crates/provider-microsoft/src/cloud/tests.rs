//! Hosts are fixed, ids are distinct, and the override reaches this machine alone.

use super::*;

fn loopback(text: &str) -> Result<EndpointOverride, NotLoopback> {
    EndpointOverride::loopback(Url::parse(text).expect("an address"))
}

#[test]
fn every_cloud_has_its_own_id_and_graph_host() {
    for (at, cloud) in Cloud::ALL.into_iter().enumerate() {
        assert_eq!(Cloud::parse(cloud.as_str()), Some(cloud));
        for other in &Cloud::ALL[at + 1..] {
            assert_ne!(cloud.as_str(), other.as_str());
            assert_ne!(cloud.graph_host(), other.graph_host());
        }
    }
    assert_eq!(Cloud::parse("Global"), None);
}

#[test]
fn the_endpoints_follow_the_cloud() {
    let dod = Endpoints::of(Cloud::UsGovL5Dod, None);
    assert_eq!(dod.login().as_str(), "https://login.microsoftonline.us/");
    assert_eq!(dod.graph().as_str(), "https://dod-graph.microsoft.us/");
    assert_eq!(dod.scope(), "https://dod-graph.microsoft.us/.default");
}

#[test]
fn an_override_replaces_both_hosts() {
    let instead = loopback("http://127.0.0.1:8080").expect("loopback");
    let endpoints = Endpoints::of(Cloud::Global, Some(&instead));
    assert_eq!(endpoints.login(), endpoints.graph());
    assert_eq!(endpoints.scope(), "http://127.0.0.1:8080/.default");
}

#[test]
fn only_a_loopback_address_can_be_an_override() {
    for good in ["http://127.0.0.1:8080", "https://127.255.0.9/", "http://[::1]:9/"] {
        assert!(loopback(good).is_ok(), "{good}");
    }
    let bad = [
        "http://localhost:8080",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://[::]",
        "http://[::ffff:127.0.0.1]",
        "http://127.0.0.1.example.com",
        "http://127.0.0.1/path",
        "http://127.0.0.1/?q",
        "http://127.0.0.1/#f",
        "http://user@127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///127.0.0.1",
    ];
    for text in bad {
        assert_eq!(loopback(text), Err(NotLoopback), "{text}");
    }
}
