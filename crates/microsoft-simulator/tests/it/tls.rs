//! HTTPS: who trusts the authority gets in, and every kind of bad TLS is refused before a request is sent.

use std::io;
use std::time::Duration;

use crate::support::{CLIENT, SECRET, TENANT};
use chrono::{DateTime, TimeDelta, Utc};
use microsoft_simulator::testing::{OldTlsServer, TestAuthority, TestCertificate, wall_clock};
use microsoft_simulator::{AppOptions, ServerTls, Simulator, SimulatorOptions, TenantOptions};
use reqwest::{Certificate, Client, Version};
use serde_json::Value;

fn tomorrow() -> DateTime<Utc> {
    wall_clock() + TimeDelta::days(1)
}

fn authority() -> TestAuthority {
    TestAuthority::new(tomorrow()).expect("an authority")
}

async fn serve(tls: ServerTls) -> Simulator {
    let mut tenant = TenantOptions::sample(TENANT);
    tenant.apps.push(AppOptions::consented(CLIENT, SECRET));
    let options = SimulatorOptions {
        tenants: vec![tenant],
        tls: Some(tls),
        ..SimulatorOptions::default()
    };
    Simulator::start(options).await.expect("starts")
}

async fn serve_with(certificate: &TestCertificate) -> Simulator {
    serve(certificate.server_tls().expect("usable")).await
}

/// Trusts one authority and nobody else.
fn client(authority: &TestAuthority) -> Client {
    let pem = Certificate::from_pem(authority.certificate_pem().as_bytes()).expect("a certificate");
    Client::builder().tls_certs_only([pem]).build().expect("a client")
}

/// What a handshake that fails looks like, with all its causes.
async fn refusal(client: &Client, base: &str) -> String {
    let error = client
        .get(format!("{base}/_simulator/health"))
        .send()
        .await
        .expect_err("no handshake");
    assert!(error.is_connect(), "{error:?}");
    let first: &dyn std::error::Error = &error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_signs_in_and_reads() {
    let authority = authority();
    let simulator = serve_with(&authority.server().expect("a certificate")).await;
    let (client, base) = (client(&authority), simulator.base_url());
    assert!(base.starts_with("https://127.0.0.1:"), "{base}");
    let (id, scope) = (CLIENT.to_string(), format!("{base}/.default"));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &id),
        ("client_secret", SECRET),
        ("scope", &scope),
    ];
    let url = format!("{base}/{TENANT}/oauth2/v2.0/token");
    let answer = client.post(url).form(&form).send().await.expect("answers");
    assert_eq!(answer.version(), Version::HTTP_2, "chosen by ALPN");
    let token: Value = answer.json().await.expect("JSON");
    let token = token["access_token"].as_str().expect("a token").to_owned();
    let list = client
        .get(format!("{base}/v1.0/users?$top=2"))
        .bearer_auth(&token);
    let page: Value = list.send().await.expect("answers").json().await.expect("JSON");
    let next = page["@odata.nextLink"].as_str().expect("a link");
    assert!(next.starts_with(&base), "{next}");
    let next = client
        .get(next)
        .bearer_auth(&token)
        .send()
        .await
        .expect("answers");
    assert_eq!(next.status(), 200);
    simulator.stop().await;
}

#[tokio::test]
async fn an_older_client_is_served_and_every_loopback_name_is_good() {
    let authority = authority();
    let simulator = serve_with(&authority.server().expect("a certificate")).await;
    let pem = Certificate::from_pem(authority.certificate_pem().as_bytes()).expect("a certificate");
    let old = Client::builder().tls_certs_only([pem]).http1_only();
    let old = old.build().expect("a client");
    let port = simulator
        .base_url()
        .rsplit_once(':')
        .expect("a port")
        .1
        .to_owned();
    let url = format!("https://localhost:{port}/_simulator/health");
    let answer = old.get(url).send().await.expect("answers");
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, Version::HTTP_11)
    );
}

#[tokio::test]
async fn bad_certificates_are_refused() {
    let authority = authority();
    let client = client(&authority);
    let foreign = TestAuthority::new(tomorrow()).expect("an authority");
    let expired = authority.expired_server(wall_clock() - TimeDelta::hours(1));
    let cases = [
        ("certificate expired", expired),
        ("not valid for name", authority.wrong_host_server()),
        ("UnknownIssuer", foreign.server()),
        (
            "UnknownIssuer",
            TestCertificate::self_signed_server(&["127.0.0.1"], tomorrow()),
        ),
        // The authority may vouch for this machine alone.
        (
            "NameConstraintViolation",
            authority.server_for(&["127.0.0.1", "login.example"], tomorrow()),
        ),
    ];
    for (word, certificate) in cases {
        let simulator = serve_with(&certificate.expect("a certificate")).await;
        let text = refusal(&client, &simulator.base_url()).await;
        assert!(
            text.contains("invalid peer certificate") && text.contains(word),
            "{word}: {text}"
        );
        assert!(simulator.control().calls().is_empty(), "{word}: nothing was sent");
    }
    let stranger = serve_with(&authority.server().expect("a certificate")).await;
    let text = refusal(
        &Client::builder().build().expect("a client"),
        &stranger.base_url(),
    )
    .await;
    assert!(text.contains("certificate"), "{text}");
}

#[tokio::test]
async fn old_tls_and_no_tls_are_refused() {
    let client = client(&authority());
    let old = OldTlsServer::start().await.expect("a port");
    let text = refusal(&client, &old.base_url()).await;
    assert!(text.contains("ServerDoesNotSupportTls12Or13"), "{text}");

    let plain = Simulator::start(SimulatorOptions::default())
        .await
        .expect("starts");
    let base = plain.base_url().replace("http://", "https://");
    let text = refusal(&client, &base).await;
    assert!(text.contains("corrupt message"), "{text}");
}

/// A client that connects and says nothing keeps nobody waiting.
#[tokio::test]
async fn a_silent_client_holds_up_nobody() {
    let authority = authority();
    let simulator = serve_with(&authority.server().expect("a certificate")).await;
    let base = simulator.base_url();
    let address = base.trim_start_matches("https://");
    let silent = tokio::net::TcpStream::connect(address).await.expect("connects");
    // Less than a handshake may take.
    let health = client(&authority)
        .get(format!("{base}/_simulator/health"))
        .timeout(Duration::from_secs(5));
    assert_eq!(health.send().await.expect("answers").status(), 200);
    drop(silent);
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let authority = authority();
    let (one, other) = (
        authority.server().expect("one"),
        authority.server().expect("other"),
    );
    let cases = [
        (one.certificate_pem(), other.private_key_pem()),
        (one.certificate_pem(), one.certificate_pem()),
        (String::new(), one.private_key_pem()),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA".to_owned(),
            one.private_key_pem(),
        ),
    ];
    for (chain, key) in cases {
        let error = ServerTls::from_pem(&chain, &key).err().map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::InvalidInput));
    }
    let good = ServerTls::from_pem(&one.certificate_pem(), &one.private_key_pem()).expect("a pair");
    assert_eq!(format!("{good:?}"), "ServerTls([redacted])");
}
