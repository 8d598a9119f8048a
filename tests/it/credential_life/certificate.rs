//! Certificates end to end: uploaded as PEM, shown by thumbprint and end, and proven to the
//! simulator, which validates each assertion.

use chrono::{DateTime, TimeDelta, Utc};
use integration_tests::{TestDatabase, on_both_engines};
use kernel::{Clock as _, SystemClock};
use microsoft_simulator::{AppCredential, testing::TestCertificate};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::kit::{Life, assert_outcome};

on_both_engines!(
    a_certificate_signs_in_and_no_assertion_is_used_twice,
    a_certificate_follows_a_secret_in_stages,
);

fn hours_from_now(hours: i64) -> DateTime<Utc> {
    SystemClock.now() + TimeDelta::hours(hours)
}

fn body(certificate: &TestCertificate) -> Value {
    let pem = format!(
        "{}\n{}",
        certificate.private_key_pem(),
        certificate.certificate_pem()
    );
    json!({ "kind": "certificate", "pem": pem })
}

fn thumbprint(certificate: &TestCertificate) -> String {
    let digest = Sha256::digest(certificate.certificate_der());
    let hex: Vec<_> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", hex.concat())
}

/// Lets the certificate in, and the secret no longer.
fn trust(life: &Life, certificate: &TestCertificate) {
    let contoso = &life.app.contoso;
    let (control, tenant, client) = (life.control(), contoso.tenant_id, contoso.client_id);
    let credential = AppCredential::certificate(certificate.certificate_der());
    assert!(control.add_app_credential(tenant, client, credential));
    control.remove_app_secret(tenant, client, &contoso.secret);
}

async fn a_certificate_signs_in_and_no_assertion_is_used_twice(database: TestDatabase) {
    let life = Life::begin(database).await;
    let end = hours_from_now(20 * 24 + 1);
    let certificate = TestCertificate::new("tenantatlas", end).expect("a certificate");
    let put = life
        .changed(Method::PUT, "/credential", Some(&body(&certificate)))
        .await;
    let shown = &put["credential"];
    assert_eq!(shown["kind"], "certificate", "{put}");
    assert_eq!(shown["fingerprint"], json!(thumbprint(&certificate)));
    assert_eq!(shown["state"], "expiring", "it ends within thirty days");
    let told: DateTime<Utc> = shown["expires_at"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("a time");
    assert_eq!(
        told.timestamp(),
        end.timestamp(),
        "the end is the certificate's own"
    );

    let calendar = life.get("/expiry-calendar").await;
    let item = &calendar.body["items"][0];
    assert_eq!(
        (&item["credential"]["kind"], &item["days_left"]),
        (&json!("certificate"), &json!(20)),
        "{}",
        calendar.body
    );

    let control = life.control();
    control.refuse_assertion_replays(true);
    assert_outcome(
        &life.run("provider.connection.check").await,
        "failed",
        Some("provider_credential_invalid"),
    );
    trust(&life, &certificate);
    let before = life.tokens();
    for operation in ["provider.connection.check", "inventory.sync"] {
        control.expire_tokens();
        assert_outcome(&life.run(operation).await, "succeeded", None);
    }
    assert!(
        life.tokens() >= before + 2,
        "each token took an assertion of its own"
    );
    assert_eq!(control.assertion_replays(), 0);

    // The end of a certificate is not for the caller to tell.
    let mut told = body(&certificate);
    told["expires_at"] = json!("2999-01-01T00:00:00Z");
    let refused = life.change(Method::PUT, "/credential", Some(&told)).await;
    assert_eq!(
        (refused.status, refused.text("/errors/0/code")),
        (422, "not_for_this_kind"),
        "{}",
        refused.body
    );
    life.end().await;
}

async fn a_certificate_follows_a_secret_in_stages(database: TestDatabase) {
    let life = Life::begin(database).await;
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    let certificate = TestCertificate::new("next", hours_from_now(400 * 24)).expect("a certificate");
    let other = TestCertificate::new("next", hours_from_now(400 * 24)).expect("a certificate");
    let staged = life
        .changed(Method::PUT, "/credential/next", Some(&body(&other)))
        .await;
    assert_eq!(staged["next_credential"]["state"], "valid", "{staged}");
    assert_eq!(staged["credential"]["kind"], "client_secret");
    // The same name and end do not make it the one that is trusted.
    trust(&life, &certificate);
    assert_outcome(&life.trial().await, "failed", Some("provider_credential_invalid"));
    life.changed(Method::PUT, "/credential/next", Some(&body(&certificate)))
        .await;
    assert_outcome(&life.trial().await, "succeeded", None);
    let promoted = life.changed(Method::POST, "/credential/promote", None).await;
    assert_eq!(
        promoted["credential"]["fingerprint"],
        json!(thumbprint(&certificate))
    );
    assert_eq!(promoted["previous_credential"]["kind"], "client_secret");
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);
    assert_eq!(life.control().assertion_replays(), 0);
    life.end().await;
}
