//! How a client proves itself: what is sent for each kind of credential, that nothing of it is
//! used twice, and what a wrong clock leads to.

use std::{collections::BTreeMap, collections::HashMap, fs, path::PathBuf, sync::Arc};

use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use kernel::{Clock as _, SecretText, Timestamp};
use provider_core::{CredentialKind, OpenedCredential, ProviderFailure, ReasonCode};
use serde_json::{Value, json};

use crate::{
    AllowedWorkspaces, FederatedSource, FederatedSources, MicrosoftProvider, MicrosoftScopeRules,
    certificate::{self, tests::pair},
    gateway::Session,
    testing::{
        CLIENT, RecordedPauses, Run, Stage, TENANT, access, adapter_with,
        scripted::{Scene, Scripted},
    },
    token_cache::Demand,
};

fn refused(number: u64, date: Option<Timestamp>) -> Scene {
    let body = json!({ "error": "invalid_client", "error_codes": [number] }).to_string();
    Scene {
        status: 401,
        date,
        body,
    }
}

fn down() -> Scene {
    Scene {
        status: 503,
        date: None,
        body: String::new(),
    }
}

fn issued() -> Scene {
    let claims = json!({ "tid": TENANT, "appid": CLIENT }).to_string();
    let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
    Scene {
        status: 200,
        date: None,
        body: json!({ "expires_in": 3600, "access_token": token }).to_string(),
    }
}

/// A service with prepared answers, an adapter that points at it, and a credential.
struct Theatre {
    service: Scripted,
    provider: MicrosoftProvider,
    clock: Arc<kernel::ManualClock>,
    credential: (CredentialKind, String),
}

impl Theatre {
    async fn new(kind: CredentialKind, secret: &str, scenes: Vec<Scene>) -> Self {
        Self::with_files(kind, secret, scenes, FederatedSources::default()).await
    }

    async fn with_files(
        kind: CredentialKind,
        secret: &str,
        scenes: Vec<Scene>,
        files: FederatedSources,
    ) -> Self {
        let service = Scripted::start(scenes).await;
        let clock = Arc::new(kernel::ManualClock::at(certificate::tests::now()));
        let pauses = Arc::<RecordedPauses>::default();
        let provider = adapter_with(&service.address, &clock, &pauses, files);
        let credential = (kind, secret.to_owned());
        Self {
            service,
            provider,
            clock,
            credential,
        }
    }

    /// Asks for a new token.
    async fn sign_in(&self) -> Option<ReasonCode> {
        let mut access = access("");
        access.credential = OpenedCredential {
            version: 1,
            kind: self.credential.0,
            secret: SecretText::new(self.credential.1.clone()),
        };
        let run = Run::default();
        let session = Session::open(&self.provider.0, &access, &run).unwrap_or_else(|_| panic!("canonical"));
        match session.token(Demand::Fresh).await {
            Ok(_) => None,
            Err(ProviderFailure::Provider { reason, .. }) => Some(reason),
            Err(ProviderFailure::Interrupted(_)) => panic!("nobody interrupts"),
        }
    }

    fn forms(&self) -> Vec<HashMap<String, String>> {
        self.service.forms()
    }
}

/// The claims of a form's assertion, whose signature is verified.
fn claims(form: &HashMap<String, String>) -> Value {
    let token = &form["client_assertion"];
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let (_, claims) = signed.split_once('.').expect("three parts");
    let ours = certificate::from_pem(&pair()).unwrap_or_else(|problem| panic!("{problem:?}"));
    let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, ours.public_key());
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    assert!(key.verify(signed.as_bytes(), &signature).is_ok());
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("JSON")
}

#[tokio::test]
async fn a_secret_is_sent_as_a_secret_and_nothing_else() {
    let theatre = Theatre::new(CredentialKind::ClientSecret, "a~secret", vec![issued()]).await;
    assert_eq!(theatre.sign_in().await, None);
    let form = &theatre.forms()[0];
    assert_eq!((form.len(), form["client_secret"].as_str()), (4, "a~secret"));
}

#[tokio::test]
async fn a_certificate_signs_each_request_anew() {
    let scenes = vec![down(), issued(), issued()];
    let theatre = Theatre::new(CredentialKind::Certificate, &pair(), scenes).await;
    assert_eq!(theatre.sign_in().await, None, "the second attempt works");
    theatre.clock.advance(TimeDelta::minutes(30));
    assert_eq!(theatre.sign_in().await, None);
    let forms = theatre.forms();
    let start = certificate::tests::now().timestamp();
    let mut ids = Vec::new();
    for (form, now) in forms.iter().zip([start, start, start + 1800]) {
        assert_eq!(form.len(), 5, "no secret beside it");
        assert_eq!(form["grant_type"], "client_credentials");
        assert_eq!(form["client_id"], CLIENT.to_string());
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let claims = claims(form);
        let audience = format!("{}{TENANT}/oauth2/v2.0/token", theatre.service.address);
        assert_eq!(claims["aud"], json!(audience));
        assert_eq!(claims["iss"], json!(CLIENT));
        assert_eq!(claims["nbf"], json!(now - 60));
        assert_eq!(claims["exp"], json!(now + 300));
        ids.push(claims["jti"].to_string());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "no id is used twice");
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_once() {
    let now = certificate::tests::now();
    for skew in [TimeDelta::minutes(10), TimeDelta::hours(-23)] {
        let scenes = vec![refused(700_024, Some(now + skew)), issued()];
        let theatre = Theatre::new(CredentialKind::Certificate, &pair(), scenes).await;
        assert_eq!(theatre.sign_in().await, None);
        let forms = theatre.forms();
        let (first, second) = (claims(&forms[0]), claims(&forms[1]));
        assert_eq!(first["exp"], json!(now.timestamp() + 300));
        assert_eq!(second["exp"], json!((now + skew).timestamp() + 300));
        assert_eq!(second["nbf"], json!((now + skew).timestamp() - 60));
        assert_ne!(first["jti"], second["jti"]);
        assert_eq!(theatre.clock.now(), now);
    }
}

#[tokio::test]
async fn a_clock_that_cannot_be_corrected_is_reported() {
    let now = certificate::tests::now();
    let near = Some(now + TimeDelta::minutes(10));
    let skew = Some(ReasonCode::ProviderClockSkew);
    let cases = [
        (vec![refused(700_024, near), refused(700_024, near), issued()], 2),
        (vec![refused(700_024, None), issued()], 1),
        // Nobody is given an assertion that is good next year.
        (
            vec![refused(700_024, Some(now + TimeDelta::days(365))), issued()],
            1,
        ),
        (
            vec![refused(700_024, Some(now - TimeDelta::hours(25))), issued()],
            1,
        ),
    ];
    for (at, (scenes, requests)) in cases.into_iter().enumerate() {
        let theatre = Theatre::new(CredentialKind::Certificate, &pair(), scenes).await;
        assert_eq!(theatre.sign_in().await, skew, "{at}");
        assert_eq!(theatre.forms().len(), requests, "{at}");
    }
    // A secret holds no times.
    let scenes = vec![refused(700_024, near), issued()];
    let theatre = Theatre::new(CredentialKind::ClientSecret, "a~secret", scenes).await;
    assert_eq!((theatre.sign_in().await, theatre.forms().len()), (skew, 1));
}

#[tokio::test]
async fn a_stored_certificate_that_is_broken_sends_nothing() {
    for pem in [
        "",
        "garbage",
        &certificate::tests::CERTIFICATE,
        &certificate::tests::KEY,
    ] {
        let theatre = Theatre::new(CredentialKind::Certificate, pem, vec![issued()]).await;
        assert_eq!(
            theatre.sign_in().await,
            Some(ReasonCode::ProviderCredentialInvalid)
        );
        assert_eq!(theatre.forms().len(), 0);
    }
}

fn token(text: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part("{}"), part("{}"), part(text))
}

fn files(path: PathBuf) -> FederatedSources {
    MicrosoftScopeRules::default()
        .with_federated_sources(BTreeMap::from([(
            "workload".to_owned(),
            FederatedSource {
                file: path,
                workspaces: AllowedWorkspaces::All,
            },
        )]))
        .federated_sources()
}

#[tokio::test]
async fn a_token_of_another_issuer_is_read_anew_for_each_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    let scenes = vec![issued(), issued()];
    let kind = CredentialKind::FederatedToken;
    let theatre = Theatre::with_files(kind, "workload", scenes, files(path.clone())).await;
    for text in ["first", "second"] {
        fs::write(&path, format!(" {}\n", token(text))).expect("is written");
        assert_eq!(theatre.sign_in().await, None);
    }
    let sent: Vec<_> = theatre
        .forms()
        .iter()
        .map(|form| form["client_assertion"].clone())
        .collect();
    assert_eq!(sent, ["first", "second"].map(token));
    assert!(!theatre.forms()[0].contains_key("client_secret"));
}

#[tokio::test]
async fn a_token_file_that_cannot_be_used_sends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    let large = token(&"x".repeat(16 << 10));
    let contents = [
        None,
        Some(""),
        Some("no token"),
        Some("a.b.c"),
        Some("e30.e30."),
        Some(large.as_str()),
    ];
    let kind = CredentialKind::FederatedToken;
    for content in contents {
        if let Some(content) = content {
            fs::write(&path, content).expect("is written");
        }
        let theatre = Theatre::with_files(kind, "workload", vec![issued()], files(path.clone())).await;
        assert_eq!(
            theatre.sign_in().await,
            Some(ReasonCode::ProviderCredentialInvalid)
        );
        assert_eq!(theatre.forms().len(), 0);
    }
    fs::write(&path, token("good")).expect("is written");
    for name in ["", "other", "platform:global", &path.to_string_lossy()] {
        let theatre = Theatre::with_files(kind, name, vec![issued()], files(path.clone())).await;
        assert_eq!(
            theatre.sign_in().await,
            Some(ReasonCode::ProviderCredentialInvalid),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_token_file_that_nobody_renews_is_no_matter_of_our_clock() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    fs::write(&path, token("old")).expect("is written");
    let scenes = vec![refused(700_024, Some(certificate::tests::now())), issued()];
    let theatre = Theatre::with_files(CredentialKind::FederatedToken, "workload", scenes, files(path)).await;
    assert_eq!(
        theatre.sign_in().await,
        Some(ReasonCode::ProviderCredentialExpired)
    );
    assert_eq!(theatre.forms().len(), 1);
}

#[tokio::test]
async fn a_certificate_that_nobody_registered_is_invalid() {
    let mut stage = Stage::new().await;
    stage.access.credential = OpenedCredential {
        version: 2,
        kind: CredentialKind::Certificate,
        secret: SecretText::new(pair()),
    };
    let check = stage.check().await.expect("comes to its end");
    assert_eq!(check.failure, Some(ReasonCode::ProviderCredentialInvalid));
    assert_eq!(stage.calls("/token"), 1);
}
