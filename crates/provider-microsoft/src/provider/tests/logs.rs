//! What reaches the log, at its most talkative.

use std::{
    io,
    sync::{Arc, Mutex},
};

use kernel::SecretText;
use microsoft_simulator::FaultKind;
use provider_core::{CredentialKind, OpenedCredential};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    certificate::tests::pair,
    testing::{SECRET, Stage, access},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no holder panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_no_token_no_address_and_no_body_is_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // With one dispatcher alone, tracing decides whether a callsite is of interest by the thread
    // that meets it first, which may be another test's without any. With two it asks them all.
    let dispatch = tracing::Dispatch::new(subscriber);
    let _another = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::dispatcher::set_default(&dispatch);
    let mut stage = Stage::with(|tenant| tenant.users = 1_200).await;
    let words = r#"{"error":{"code":"leaked-words","message":"leaked-words"}}"#.to_owned();
    stage.fault(
        "/v1.0/users?",
        1,
        FaultKind::Status {
            status: 503,
            body: words,
        },
    );
    stage.fault("/v1.0/groups?", 1, FaultKind::Truncated);
    stage.collect().await.expect("is read");
    stage.access = access("another~secret");
    stage.access.credential.version = 2;
    stage.check().await.expect("comes to its end");
    for (version, kind, secret) in [
        (3, CredentialKind::Certificate, pair()),
        (4, CredentialKind::Certificate, "broken~certificate".to_owned()),
        (5, CredentialKind::FederatedToken, "missing".to_owned()),
    ] {
        stage.access.credential = OpenedCredential {
            version,
            kind,
            secret: SecretText::new(secret),
        };
        stage.check().await.expect("comes to its end");
    }
    drop(guard);

    let text = String::from_utf8(log.0.lock().expect("no holder panics").clone()).expect("text");
    for expected in [
        "users.list",
        "status=503",
        "status=401",
        "waiting",
        "request_id=Some(",
        "certificate_unreadable",
        "no token file is configured",
    ] {
        assert!(text.contains(expected), "{expected} is missing");
    }
    let forbidden = [
        SECRET,
        "another~secret",
        "broken~certificate",
        "PRIVATE KEY",
        "MII",
        "eyJ",
        "skiptoken",
        "$select",
        "Contoso",
        "leaked-words",
        "AADSTS",
    ];
    for word in forbidden {
        assert!(!text.contains(word), "{word} was logged");
    }
}
