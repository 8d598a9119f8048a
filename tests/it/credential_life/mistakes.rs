//! What people send by mistake in place of a credential, or in the wrong field: refused with a
//! code that tells them, without an echo and without a trace (G02, G04, G05, G06).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::{Clock as _, IdSource as _, SystemClock, SystemIds};
use microsoft_simulator::testing::TestCertificate;
use reqwest::Method;
use serde_json::{Value, json};

use super::kit::{Life, Untouched};

on_both_engines!(
    g02_what_a_form_shows_in_place_of_a_secret_is_no_secret,
    g04_a_secret_that_was_mangled_on_its_way_is_refused,
    g05_a_secret_in_a_name_or_a_tag_is_refused,
    g06_certificates_that_cannot_be_used_are_refused_by_name,
);

macro_rules! fixture {
    ($name:literal) => {
        integration_tests::certificates::file($name)
    };
}

/// What cannot be printed is found while the body is read, in whatever field it is.
fn problem(code: &'static str) -> &'static str {
    if code == "control_character" {
        code
    } else {
        "invalid_value"
    }
}

/// Both places that take a credential refuse it alike.
async fn refused(life: &Life, body: &Value, field: (&str, &'static str), needles: &[&str]) -> String {
    let mut detail = String::new();
    for tail in ["/credential", "/credential/next"] {
        let answer = life.change(Method::PUT, tail, Some(body)).await;
        Untouched::answered(&answer, (422, problem(field.1)), field, needles);
        answer.text("/detail").clone_into(&mut detail);
    }
    detail
}

async fn g02_what_a_form_shows_in_place_of_a_secret_is_no_secret(database: TestDatabase) {
    let life = Life::begin(database).await;
    let view = life.view().await;
    let shown = view.text("/credential/fingerprint").to_owned();
    assert!(shown.starts_with("hmac-sha256:"), "{shown}");
    let untouched = Untouched::since(&life).await;
    for (secret, code) in [
        (json!(""), "empty"),
        (Value::Null, "required"),
        (json!("********"), "placeholder"),
        (json!("••••••••"), "placeholder"),
        (json!(shown), "placeholder"),
    ] {
        let body = json!({ "kind": "client_secret", "secret": secret });
        let needle = secret.as_str().filter(|text| !text.is_empty());
        refused(&life, &body, ("/secret", code), needle.as_slice()).await;
    }
    untouched.ends(&life).await;
    assert_eq!(life.view().await.body, view.body, "the stored one is as it was");
    life.end().await;
}

async fn g04_a_secret_that_was_mangled_on_its_way_is_refused(database: TestDatabase) {
    let life = Life::begin(database).await;
    let untouched = Untouched::since(&life).await;
    let good = "canary~G04~0123456789abcdef";
    let id = SystemIds.next_uuid().to_string();
    let long = "x".repeat(513);
    let token = ["ey", "JhbGciOiJub25lIn0", ".eyJzdWIiOiJjYW5hcnkifQ", ".c2ln"].concat();
    for (secret, code) in [
        (format!("{good}\n"), "control_character"),
        (format!("{good} "), "surrounding_white_space"),
        (format!(" {good}"), "surrounding_white_space"),
        (format!("{good}\u{0}"), "control_character"),
        (format!("“{good}”"), "unexpected_character"),
        (format!("{good}—"), "unexpected_character"),
        (id.clone(), "secret_id_instead_of_value"),
        (id.to_uppercase(), "secret_id_instead_of_value"),
        (token, "token_instead_of_secret"),
        (long, "too_long"),
    ] {
        let body = json!({ "kind": "client_secret", "secret": secret });
        refused(&life, &body, ("/secret", code), &[good, &secret]).await;
        let mut credential = body.clone();
        credential["client_identifier"] = json!(life.app.fabrikam.client_id);
        let created = json!({ "scope_identifier": life.app.fabrikam.tenant_id, "credential": credential });
        let answer = life.connect(created).await;
        Untouched::answered(
            &answer,
            (422, problem(code)),
            ("/credential/secret", code),
            &[good, &secret],
        );
    }
    untouched.ends(&life).await;
    life.end().await;
}

/// Texts of the shapes of secrets, in parts so that no scanner takes this file for a leak.
fn shapes() -> [String; 4] {
    let filling = "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789";
    [
        ["abc8", "Q~", &filling[..34]].concat(),
        ["-----BEG", "IN PRIVATE KEY-----", " MIIE"].concat(),
        ["ey", "JhbGciOiJub25lIn0", ".eyJzdWIiOiJjYW5hcnkifQ.", filling].concat(),
        ["tat", "_", filling].concat(),
    ]
}

async fn g05_a_secret_in_a_name_or_a_tag_is_refused(database: TestDatabase) {
    let life = Life::begin(database).await;
    let untouched = Untouched::since(&life).await;
    let own = format!("/connections/{}", life.home.connection);
    for shape in shapes() {
        let needles = [shape.as_str()];
        let seen = |answer: &cli::Answer, pointer: &str| {
            Untouched::answered(
                answer,
                (422, "invalid_value"),
                (pointer, "looks_like_secret"),
                &needles,
            );
        };
        let target = life.app.fabrikam.tenant_id;
        for (field, pointer) in [
            ("display_name", "/display_name"),
            ("scope_display_name", "/scope_display_name"),
        ] {
            let body = json!({ "scope_identifier": target, field: shape });
            seen(&life.connect(body).await, pointer);
            let body = json!({ field: shape });
            seen(&life.send(Method::PATCH, &own, &[], Some(&body)).await, pointer);
        }
        let tags = json!({ "tier": "gold", "note": shape });
        let body = json!({ "scope_identifier": target, "tags": tags });
        seen(&life.connect(body).await, "/tags/note");
        let body = json!({ "tags": tags });
        seen(
            &life.send(Method::PATCH, &own, &[], Some(&body)).await,
            "/tags/note",
        );
        let named = json!({ "display_name": shape, "slug": "a-slug" });
        seen(&life.post("/environments", &named).await, "/display_name");
        let workspace = life.owner.post("/api/v1/workspaces", &named).await;
        seen(&workspace.expect("an answer"), "/display_name");
        let body = json!({
            "connection_type": "dedicated", "scope_identifier": life.app.contoso.tenant_id,
            "scope_display_name": shape,
        });
        let retargeted = life.change(Method::PUT, "/identity", Some(&body)).await;
        seen(&retargeted, "/scope_display_name");
    }
    untouched.ends(&life).await;
    // The same names without the shape are taken.
    let body = json!({ "display_name": "abc8Q short", "scope_identifier": life.app.fabrikam.tenant_id });
    assert_eq!(life.connect(body).await.status, 201);
    life.end().await;
}

fn certificate(common_name: &str, days: i64) -> TestCertificate {
    let end = SystemClock.now() + TimeDelta::days(days);
    TestCertificate::new(common_name, end).expect("a certificate")
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The file that asks for eight million turns of its key derivation.
fn endless() -> String {
    let mut file = STANDARD
        .decode(without_spaces(fixture!("costly.pfx.b64")))
        .expect("base64");
    let turns = [0x02, 0x03, 0x00, 0x9c, 0x40];
    let places: Vec<_> = (0..file.len() - turns.len())
        .filter(|at| file[*at..].starts_with(&turns))
        .collect();
    assert!(!places.is_empty(), "the file says how many turns");
    for at in places {
        file[at + 2..at + 5].copy_from_slice(&[0x7f, 0xff, 0xff]);
    }
    STANDARD.encode(file)
}

async fn g06_certificates_that_cannot_be_used_are_refused_by_name(database: TestDatabase) {
    let life = Life::begin(database).await;
    let (ours, other) = (certificate("ours", 90), certificate("other", 90));
    let expired = certificate("expired", -1);
    let ec = TestCertificate::ec("ec", SystemClock.now() + TimeDelta::days(90)).expect("a certificate");
    let both = |one: &TestCertificate, key: &TestCertificate| {
        format!("{}{}", one.certificate_pem(), key.private_key_pem())
    };
    let block = |kind: &str, inside: &str| {
        [
            "-----BEGIN ",
            kind,
            "-----\n",
            inside,
            "\n-----END ",
            kind,
            "-----\n",
        ]
        .concat()
    };
    let hostile = block("CERTIFICATE", &"%".repeat(1000));
    let small = [fixture!("small.pem"), fixture!("small.key.pem")].concat();
    let untouched = Untouched::since(&life).await;
    let mut details = std::collections::BTreeSet::new();
    for (pem, code) in [
        (both(&ours, &other), "key_mismatch"),
        (both(&ec, &ec), "key_not_rsa"),
        (both(&expired, &expired), "certificate_expired"),
        (ours.certificate_pem(), "private_key_missing"),
        (ours.private_key_pem(), "certificate_missing"),
        (small, "key_too_small"),
        (
            format!("{hostile}{}", ours.private_key_pem()),
            "certificate_unreadable",
        ),
    ] {
        let body = json!({ "kind": "certificate", "pem": pem });
        let inside = pem.lines().nth(1).expect("a line").to_owned();
        details.insert(refused(&life, &body, ("/pem", code), &[&inside, &pem]).await);
    }
    let (modern, no_key) = (fixture!("modern.pfx.b64"), fixture!("no-key.pfx.b64"));
    let (small, ec) = (fixture!("small.pfx.b64"), fixture!("ec.pfx.b64"));
    let (endless, zeros) = (endless(), "A".repeat(4000));
    let deep = STANDARD.encode([0x30, 0x80].repeat(3000));
    for (pfx, password, field, code) in [
        (modern, "canary-G06-wrong", "/password", "password_wrong"),
        (no_key, "right", "/pfx", "private_key_missing"),
        (small, "right", "/pfx", "key_too_small"),
        (ec, "right", "/pfx", "key_not_rsa"),
        (endless.as_str(), "right", "/pfx", "kdf_too_costly"),
        (zeros.as_str(), "right", "/pfx", "certificate_unreadable"),
        (deep.as_str(), "right", "/pfx", "certificate_unreadable"),
        ("%%%%=====", "right", "/pfx", "certificate_unreadable"),
    ] {
        let body = json!({ "kind": "certificate", "pfx": pfx, "password": password });
        let needle = if code == "password_wrong" { password } else { pfx };
        details.insert(refused(&life, &body, (field, code), &[needle]).await);
    }
    assert_eq!(
        details.len(),
        1,
        "the words are those of the catalogue and no library's: {details:?}"
    );
    untouched.ends(&life).await;
    life.end().await;
}
