//! The adapter's own TLS, with the program as it is shipped: whoever shows a certificate that the
//! machine trusts is asked, and everybody else is not, with one reason and no way around it.

use std::{path::Path, process::Command};

use chrono::TimeDelta;
use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds};
use microsoft_simulator::{
    ServerTls, Simulator, SimulatorOptions, TenantOptions,
    testing::{OldTlsServer, TestAuthority, TestCertificate},
};
use serde_json::Value;

const DOMAIN: &str = "contoso.example";

/// What the program says about the domain when it trusts `authority` alone.
fn discover(authority: &Path, base_url: &str) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tenantatlas-under-test"))
        .args(["discover", DOMAIN, "--loopback-endpoint", base_url])
        .env("SSL_CERT_FILE", authority)
        .env_remove("SSL_CERT_DIR")
        .output()
        .expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

async fn serve(tls: Option<ServerTls>) -> (Simulator, uuid::Uuid) {
    let tenant = SystemIds.next_uuid();
    let options = SimulatorOptions {
        tenants: vec![TenantOptions::sample(tenant)],
        tls,
        ..SimulatorOptions::default()
    };
    (Simulator::start(options).await.expect("starts"), tenant)
}

fn tls(certificate: &TestCertificate) -> ServerTls {
    certificate.server_tls().expect("usable")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_certificate_that_the_machine_trusts_is_spoken_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = SystemClock.now();
    let tomorrow = now + TimeDelta::days(1);
    let authority = TestAuthority::new(tomorrow).expect("an authority");
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, authority.certificate_pem()).expect("written");

    let good = authority.server().expect("a certificate");
    let (simulator, tenant) = serve(Some(tls(&good))).await;
    let (code, found, errors) = discover(&trusted, &simulator.base_url());
    assert_eq!(code, Some(0), "{errors}");
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found["tenant_id"], tenant.to_string());
    simulator.stop().await;

    let stranger = TestAuthority::new(tomorrow).expect("an authority");
    let bad = [
        ("expired", authority.expired_server(now - TimeDelta::days(1))),
        ("another host", authority.wrong_host_server()),
        ("another authority", stranger.server()),
        (
            "self-signed",
            TestCertificate::self_signed_server(&["127.0.0.1"], tomorrow),
        ),
    ];
    for (what, certificate) in bad {
        let (simulator, _) = serve(Some(tls(&certificate.expect("a certificate")))).await;
        let (code, found, errors) = discover(&trusted, &simulator.base_url());
        assert_eq!((code, found.as_str()), (Some(69), ""), "{what}: {errors}");
        assert!(errors.contains("provider_tls_failed"), "{what}: {errors}");
        assert!(
            simulator.control().calls().is_empty(),
            "{what}: nothing was asked"
        );
        simulator.stop().await;
    }

    let old = OldTlsServer::start().await.expect("a port");
    let (plain, _) = serve(None).await;
    let no_tls = plain.base_url().replace("http://", "https://");
    for (what, base_url) in [("TLS 1.0", old.base_url()), ("no TLS", no_tls)] {
        let (code, found, errors) = discover(&trusted, &base_url);
        assert_eq!((code, found.as_str()), (Some(69), ""), "{what}: {errors}");
        assert!(errors.contains("provider_tls_failed"), "{what}: {errors}");
    }
    assert!(plain.control().calls().is_empty(), "no downgrade");
    plain.stop().await;
}
