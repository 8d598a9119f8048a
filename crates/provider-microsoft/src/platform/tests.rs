//! Files of the platform's identities: which are refused, what is shown of them, and that a rotated
//! one is noticed.

use chrono::TimeDelta;
use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use provider_core::{CredentialKind, ReasonCode, ScopeRules as _};

use super::*;
use crate::{
    MicrosoftScopeRules,
    certificate::tests::{END, FINGERPRINT, MODERN, now, pair},
};

const CLIENT: &str = "11111111-AAAA-4bbb-8ccc-000000000001";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        self.file_with(name, content, 0o600)
    }

    fn file_with(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).expect("is written");
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("is set");
        path
    }
}

fn settings(cloud: Cloud, credential: PlatformCredentialFile) -> PlatformIdentitySettings {
    PlatformIdentitySettings {
        cloud,
        client_id: CLIENT.to_owned(),
        credential,
        expires_at: None,
    }
}

fn rules(settings: Vec<PlatformIdentitySettings>) -> Result<MicrosoftScopeRules, PlatformProblem> {
    MicrosoftScopeRules::default().with_platform(settings, now())
}

fn pfx() -> Vec<u8> {
    let joined: String = MODERN.lines().collect();
    STANDARD.decode(joined).expect("base64")
}

fn token() -> String {
    let part = URL_SAFE_NO_PAD.encode("{}");
    format!("{part}.{part}.{part}")
}

fn open(rules: &MicrosoftScopeRules) -> OpenedCredential {
    rules
        .platform_vault()
        .open("global")
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_kind_of_file_is_shown_and_opened() {
    let folder = Folder::new();
    let secret = folder.file("secret", b"a~8Q-good.secret_value\n");
    let pem = folder.file("both.pem", pair().as_bytes());
    let (path, password_file) = (
        folder.file("both.pfx", &pfx()),
        folder.file("password", b"right\n"),
    );
    // Kubernetes chooses the mode of the tokens that it writes.
    let token = folder.file_with("token", token().as_bytes(), 0o644);
    let pair = pair();
    let cases = [
        (
            PlatformCredentialFile::ClientSecretFile(secret),
            CredentialKind::ClientSecret,
            "a~8Q-good.secret_value",
        ),
        (
            PlatformCredentialFile::CertificateFile(pem),
            CredentialKind::Certificate,
            pair.as_str(),
        ),
        (
            PlatformCredentialFile::PfxFile { path, password_file },
            CredentialKind::Certificate,
            pair.as_str(),
        ),
        (
            PlatformCredentialFile::FederatedTokenFile(token),
            CredentialKind::FederatedToken,
            "platform:global",
        ),
    ];
    for (file, kind, content) in cases {
        let rules = rules(vec![settings(Cloud::Global, file)]).unwrap_or_else(|problem| panic!("{problem}"));
        let client = rules.platform_client("global").expect("is configured");
        assert_eq!(
            (client.client_identifier.as_str(), client.kind),
            (CLIENT.to_lowercase().as_str(), kind)
        );
        let certified = kind == CredentialKind::Certificate;
        assert_eq!(client.fingerprint.as_deref(), certified.then_some(&*FINGERPRINT));
        assert_eq!(client.expires_at.is_some(), certified);
        assert_eq!(rules.platform_realms(), ["global"]);
        assert_eq!(rules.platform_client("usgov-l4"), None);
        let opened = open(&rules);
        assert_eq!((opened.kind, opened.secret.expose()), (kind, content));
        assert!(opened.version > 0);
        assert_eq!(open(&rules).version, opened.version);
        let elsewhere = rules.platform_vault().open("usgov-l4");
        assert!(matches!(elsewhere, Err(VaultError::Missing)));
    }
}

#[test]
fn a_rotated_file_is_another_version_and_a_broken_one_does_not_open() {
    let folder = Folder::new();
    let path = folder.file("secret", b"first~secret");
    let one = settings(Cloud::Global, PlatformCredentialFile::ClientSecretFile(path));
    let rules = rules(vec![one]).unwrap_or_else(|problem| panic!("{problem}"));
    let first = open(&rules);
    folder.file("secret", b"second~secret");
    let second = open(&rules);
    assert_ne!(first.version, second.version);
    assert_eq!(second.secret.expose(), "second~secret");
    let breaks: [(&[u8], u32); 4] = [
        (b"", 0o600),
        (b"a\nb", 0o600),
        (b"secret", 0o640),
        (b"********", 0o600),
    ];
    for (content, mode) in breaks {
        folder.file_with("secret", content, mode);
        let answer = rules.platform_vault().open("global");
        assert!(
            matches!(answer, Err(VaultError::Undecryptable)),
            "{content:?} {mode:o}"
        );
    }
    fs::remove_file(folder.0.path().join("secret")).expect("is removed");
    let answer = rules.platform_vault().open("global");
    assert!(matches!(answer, Err(VaultError::Undecryptable)));
}

#[test]
fn a_renewed_token_is_the_same_identity() {
    let folder = Folder::new();
    let path = folder.file("token", token().as_bytes());
    let one = settings(Cloud::Global, PlatformCredentialFile::FederatedTokenFile(path));
    let rules = rules(vec![one]).unwrap_or_else(|problem| panic!("{problem}"));
    let first = open(&rules).version;
    folder.file("token", format!("{}x", token()).as_bytes());
    assert_eq!(open(&rules).version, first);
}

#[test]
fn a_wrong_configuration_is_refused_with_the_file_and_nothing_in_it() {
    let folder = Folder::new();
    let leak = "leaked-words";
    let private = |name: &str, content: &str| folder.file(name, content.as_bytes());
    let good = || PlatformCredentialFile::ClientSecretFile(private("good", "good~secret"));
    let secret = |path| {
        vec![settings(
            Cloud::Global,
            PlatformCredentialFile::ClientSecretFile(path),
        )]
    };
    let cloud = "global";
    let missing = folder.0.path().join("missing");
    let loose = folder.file_with("loose", leak.as_bytes(), 0o640);
    let spaced = private("spaced", " leaked-words");
    let (path, password_file) = (folder.file("x.pfx", &pfx()), private("wrong", leak));
    let pem = private("x.pem", leak);
    let jwt = private("jwt", leak);
    let doubled = vec![settings(Cloud::Global, good()), settings(Cloud::Global, good())];
    let nobody = PlatformIdentitySettings {
        client_id: "leaked-words".to_owned(),
        ..settings(Cloud::Global, good())
    };
    let unusable = |path: &Path, code| PlatformProblem::Unusable {
        cloud,
        path: path.to_owned(),
        code,
    };
    let cases = [
        (doubled, PlatformProblem::DoubledCloud { cloud }),
        (vec![nobody], PlatformProblem::BadClientId { cloud }),
        (
            secret(missing.clone()),
            PlatformProblem::Unreadable { cloud, path: missing },
        ),
        (
            secret(loose.clone()),
            PlatformProblem::OpenToOthers { cloud, path: loose },
        ),
        (
            secret(spaced.clone()),
            unusable(&spaced, "surrounding_white_space"),
        ),
        (
            vec![settings(
                Cloud::Global,
                PlatformCredentialFile::PfxFile {
                    path,
                    password_file: password_file.clone(),
                },
            )],
            unusable(&password_file, "password_wrong"),
        ),
        (
            vec![settings(
                Cloud::Global,
                PlatformCredentialFile::CertificateFile(pem.clone()),
            )],
            unusable(&pem, "certificate_unreadable"),
        ),
        (
            vec![settings(
                Cloud::Global,
                PlatformCredentialFile::FederatedTokenFile(jwt.clone()),
            )],
            unusable(&jwt, "not_a_token"),
        ),
    ];
    for (settings, expected) in cases {
        let problem = rules(settings).expect_err("is refused");
        assert_eq!(problem, expected);
        let words = format!("{problem} {problem:?}");
        assert!(
            problem.to_string().starts_with("global: ") && !words.contains(leak),
            "{words}"
        );
    }
}

#[test]
fn an_ended_credential_does_not_keep_the_program_from_starting() {
    let folder = Folder::new();
    let path = folder.file("both.pem", pair().as_bytes());
    let told = |end: Option<&str>| {
        let one = PlatformIdentitySettings {
            expires_at: end.map(|end| end.parse().expect("a date")),
            ..settings(
                Cloud::GovSg,
                PlatformCredentialFile::CertificateFile(path.clone()),
            )
        };
        let late = now() + TimeDelta::days(400);
        let rules = MicrosoftScopeRules::default().with_platform(vec![one], late);
        let rules = rules.unwrap_or_else(|problem| panic!("{problem}"));
        let client = rules.platform_client("govsg").expect("is configured");
        client.expires_at.expect("is known").to_rfc3339()
    };
    let in_days = |days| (now() + TimeDelta::days(days)).to_rfc3339();
    assert_eq!(told(None), &*END);
    assert_eq!(told(Some(&in_days(1000))), &*END);
    assert_eq!(told(Some(&in_days(100))), in_days(100));
    assert_eq!(
        ReasonCode::PlatformIdentityExpired.as_str(),
        "platform_identity_expired"
    );
}
