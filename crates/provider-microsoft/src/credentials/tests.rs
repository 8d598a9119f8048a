//! What is taken as a credential, what is refused, and with which field and code.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use provider_core::ScopeRules as _;

use super::*;
use crate::{
    AllowedWorkspaces, FederatedSource, MicrosoftScopeRules,
    certificate::tests::{CERTIFICATE, END, FINGERPRINT, KEY, MODERN, now, pair},
};

/// The workspace that may use the token files.
const OURS: uuid::Uuid = uuid::Uuid::from_u128(1);

fn rules() -> MicrosoftScopeRules {
    let source = || FederatedSource {
        file: PathBuf::from("/nowhere"),
        workspaces: AllowedWorkspaces::Only(BTreeSet::from([OURS])),
    };
    let named = BTreeMap::from([
        ("workload".to_owned(), source()),
        ("platform:global".to_owned(), source()),
    ]);
    MicrosoftScopeRules::default().with_federated_sources(named)
}

fn text(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

fn refused(input: CredentialInput, at: Timestamp) -> Option<(&'static str, &'static str)> {
    let answer = rules().prepare_credential(input, at);
    answer.err().map(|refusal| (refusal.field, refusal.code))
}

fn jwt() -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"RS256"}"#),
        part(r#"{"iss":"x"}"#),
        part("signature")
    )
}

#[test]
fn what_cannot_be_a_secret_is_refused_with_a_code() {
    let long = "x".repeat(LONGEST_SECRET + 1);
    let token = jwt();
    let cases = [
        ("a~8Q-good.secret_value", None),
        ("eyJ8Q~good.secret.value", None),
        ("", Some("empty")),
        (" leading", Some("surrounding_white_space")),
        ("trailing ", Some("surrounding_white_space")),
        ("trailing\u{a0}", Some("surrounding_white_space")),
        ("trailing\n", Some("control_character")),
        ("two\nlines", Some("control_character")),
        ("nul\0", Some("control_character")),
        (
            "11111111-bbbb-4ccc-8ddd-000000000002",
            Some("secret_id_instead_of_value"),
        ),
        ("********", Some("placeholder")),
        ("••••", Some("placeholder")),
        ("hmac-sha256:00ff", Some("placeholder")),
        (&*FINGERPRINT, Some("placeholder")),
        ("“quoted”", Some("unexpected_character")),
        ("a–b", Some("unexpected_character")),
        ("soft\u{ad}hyphen", Some("unexpected_character")),
        ("zero\u{200b}width", Some("unexpected_character")),
        (&*CERTIFICATE, Some("certificate_instead_of_secret")),
        (&*KEY, Some("certificate_instead_of_secret")),
        (&*MODERN, Some("certificate_instead_of_secret")),
        (token.as_str(), Some("token_instead_of_secret")),
        (long.as_str(), Some("too_long")),
        (&long[1..], None),
    ];
    for (secret, code) in cases {
        let answer = refused(CredentialInput::ClientSecret(text(secret)), now());
        assert_eq!(answer, code.map(|code| ("secret", code)), "{secret:?}");
    }
}

#[test]
fn a_secret_is_taken_as_it_is() {
    let input = CredentialInput::ClientSecret(text("a~8Q-good.secret_value"));
    let taken = rules()
        .prepare_credential(input, now())
        .unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert_eq!(taken.kind, CredentialKind::ClientSecret);
    assert_eq!(taken.secret.expose(), "a~8Q-good.secret_value");
    assert_eq!((taken.fingerprint, taken.expires_at), (None, None));
}

#[test]
fn both_forms_of_a_certificate_become_one() {
    let pem = CredentialInput::CertificatePem(text(&format!("{KEY}{CERTIFICATE}")));
    let pfx = CredentialInput::CertificatePfx {
        pfx: text(&MODERN),
        password: text("right"),
    };
    for input in [pem, pfx] {
        let taken = rules()
            .prepare_credential(input, now())
            .unwrap_or_else(|refusal| panic!("{refusal:?}"));
        assert_eq!(taken.kind, CredentialKind::Certificate);
        assert_eq!(taken.secret.expose(), pair());
        assert_eq!(taken.fingerprint.as_deref(), Some(&*FINGERPRINT));
        let end = taken.expires_at.expect("it says so itself");
        assert_eq!(end.to_rfc3339(), &*END);
    }
}

#[test]
fn a_refusal_names_its_field() {
    let pfx = |file: &str, password: &str| CredentialInput::CertificatePfx {
        pfx: text(file),
        password: text(password),
    };
    let pem = |content: &str| CredentialInput::CertificatePem(text(content));
    let late = now() + TimeDelta::days(400);
    let early = now() - TimeDelta::days(400);
    let cases = [
        (pfx(&MODERN, "wrong"), now(), ("password", "password_wrong")),
        (pfx(&MODERN, ""), now(), ("password", "password_wrong")),
        (pfx(&MODERN, &"x".repeat(2000)), now(), ("password", "too_large")),
        (pfx("garbage", "right"), now(), ("pfx", "certificate_unreadable")),
        (pfx(&MODERN, "right"), late, ("pfx", "certificate_expired")),
        (pfx(&MODERN, "right"), early, ("pfx", "certificate_not_yet_valid")),
        (pem("garbage"), now(), ("pem", "certificate_unreadable")),
        (pem(&CERTIFICATE), now(), ("pem", "private_key_missing")),
        (pem(&pair()), late, ("pem", "certificate_expired")),
        (pem(&pair()), early, ("pem", "certificate_not_yet_valid")),
    ];
    for (input, at, expected) in cases {
        assert_eq!(refused(input, at), Some(expected));
    }
}

#[test]
fn only_configured_token_files_have_a_name() {
    let input = federated("workload");
    let taken = rules()
        .prepare_credential(input, now())
        .unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert_eq!(
        (taken.kind, taken.secret.expose()),
        (CredentialKind::FederatedToken, "workload")
    );
    // Nobody's connection can sign in as the platform, whatever the operator called a file.
    for name in [
        "",
        "Workload",
        "/nowhere",
        "../nowhere",
        "platform:global",
        "platform:",
        "other",
    ] {
        let answer = refused(federated(name), now());
        assert_eq!(answer, Some(("source", "unknown_source")), "{name}");
    }
}

fn federated(source: &str) -> CredentialInput {
    CredentialInput::FederatedToken {
        source: source.to_owned(),
        workspace: OURS,
    }
}

#[test]
fn a_token_file_is_for_the_workspaces_that_the_operator_named() {
    let theirs = CredentialInput::FederatedToken {
        source: "workload".to_owned(),
        workspace: uuid::Uuid::from_u128(2),
    };
    assert_eq!(refused(theirs, now()), Some(("source", "unknown_source")));
}
