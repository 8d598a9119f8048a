//! The program: its arguments, its ready file, and the files with keys.

use std::path::Path;
use std::process::Command;

use crate::process::{Program, output};
use crate::support::CLIENT;
use reqwest::{Certificate, Client};
use serde_json::json;

/// Asks for a token with a secret.
async fn token(client: &Client, base: &str, [tenant, id, secret]: [&str; 3]) -> u16 {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
        ("scope", &format!("{base}/.default")),
    ];
    let url = format!("{base}/{tenant}/oauth2/v2.0/token");
    let answer = client.post(url).form(&form).send().await.expect("answers");
    answer.status().as_u16()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[tokio::test]
async fn the_program_writes_a_ready_file_and_no_secret_elsewhere() {
    let program = Program::start(&["--users", "3"]);
    let base = program.text("/base_url");
    let health = reqwest::get(format!("{base}/_simulator/health"))
        .await
        .expect("answers");
    assert_eq!(health.status(), 200);
    assert!(
        base.starts_with("http://127.0.0.1:") && !base.ends_with(":0"),
        "{base}"
    );
    assert!(program.line.contains(&base) && !program.line.contains(&program.text("/client_secret")));
    assert_eq!(program.ready["pid"], program.child.id());
    assert_eq!(
        program.ready.get("client_certificate"),
        None,
        "nobody gave it a place"
    );
    #[cfg(unix)]
    assert_eq!(mode(&program.folder.path().join("ready.json")), 0o600);
}

#[test]
fn without_a_place_for_the_secret_the_program_refuses() {
    let (output, text) = output(&[]);
    assert!(!output.status.success());
    assert!(text.contains("SIMULATOR_CLIENT_SECRET"), "{text}");
}

#[test]
fn help_tells_every_argument_and_gives_examples() {
    let (output, text) = output(&["--help"]);
    assert!(output.status.success());
    for word in [
        "--listen",
        "--bind",
        "--tls-self-signed",
        "--tls-cert",
        "--tls-key",
        "--credentials-dir",
        "--ready-file",
        "--script",
        "--throttle",
        "--tenants",
        "Examples:",
        "curl --cacert",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn wrong_arguments_are_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let ready = folder.path().join("ready.json");
    let ready = ready.to_str().expect("text");
    let refused = |arguments: &[&str], word: &str| {
        std::fs::write(ready, "{\"pid\": 1}").expect("a file of an earlier run");
        let (output, text) = output(&[&["--ready-file", ready], arguments].concat());
        assert!(
            !output.status.success() && text.contains(word),
            "{arguments:?}: {text}"
        );
        text
    };
    assert!(refused(&["--listen", "0.0.0.0:0"], "loopback").lines().count() == 1);
    assert!(!Path::new(ready).exists(), "the file of an earlier run is gone");
    refused(&["--tls-cert", "x.pem"], "--tls-key");
    refused(
        &["--tls-self-signed", "x", "--tls-cert", "x", "--tls-key", "x"],
        "cannot be used with",
    );
    refused(&["--tenants", "0"], "1..=1000");
    let script = refused(&["--script", "nope.json"], "nope.json");
    assert_eq!(script.lines().count(), 1, "{script}");
    let missing = refused(&["--tls-cert", "no.pem", "--tls-key", "no.pem"], "no.pem");
    assert_eq!(missing.lines().count(), 1, "{missing}");
}

#[tokio::test]
async fn the_program_speaks_https_with_a_certificate_of_its_own() {
    let program = Program::start(&["--tls-self-signed", "{}/tls", "--users", "3"]);
    let base = program.text("/base_url");
    let folder = program.folder.path().join("tls");
    assert_eq!(Path::new(&program.text("/ca_file")), folder.join("ca.pem"));
    let authority = Certificate::from_pem(program.read("tls/ca.pem").as_bytes()).expect("a certificate");
    let client = Client::builder().tls_certs_only([authority]);
    let client = client.build().expect("a client");
    let ids = ["/tenant_id", "/client_id", "/client_secret"].map(|pointer| program.text(pointer));
    assert_eq!(
        token(&client, &base, ids.each_ref().map(String::as_str)).await,
        200
    );
    let stranger = Client::builder().build().expect("a client");
    let refused = stranger.get(format!("{base}/_simulator/health")).send().await;
    assert!(refused.is_err_and(|error| error.is_connect()));
    #[cfg(unix)]
    for (name, expected) in [
        ("ca.pem", 0o644),
        ("cert.pem", 0o644),
        ("key.pem", 0o600),
        ("client-key.pem", 0o600),
    ] {
        assert_eq!(mode(&folder.join(name)), expected, "{name}");
    }
    assert!(!program.read("tls/ca.pem").contains("PRIVATE KEY") && !folder.join("ca-key.pem").exists());

    // The files are also what the other pair of arguments takes.
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let [cert, key] = [&cert, &key].map(|path| path.to_str().expect("text"));
    let second = Program::start(&["--tls-cert", cert, "--tls-key", key]);
    let health = format!("{}/_simulator/health", second.text("/base_url"));
    assert_eq!(client.get(health).send().await.expect("answers").status(), 200);
    assert_eq!(second.ready.get("ca_file"), None);
}

#[tokio::test]
async fn tenants_differ_in_ids_and_secrets() {
    let program = Program::start(&["--tenants", "3", "--users", "2", "--credentials-dir", "{}/keys"]);
    let base = program.text("/base_url");
    let client = Client::builder().build().expect("a client");
    let texts = |number: usize| {
        ["tenant_id", "client_id", "client_secret"]
            .map(|name| program.text(&format!("/tenants/{number}/{name}")))
    };
    let all = [texts(0), texts(1), texts(2)];
    for (number, [tenant, id, secret]) in all.iter().enumerate() {
        for (other, [_, _, foreign]) in all.iter().enumerate() {
            let expected = if number == other { 200 } else { 401 };
            assert_eq!(
                token(&client, &base, [tenant, id, foreign]).await,
                expected,
                "{number} {other}"
            );
        }
        assert!(!program.line.contains(secret));
    }
    assert_eq!(all[0][0], program.text("/tenant_id"));
    assert_eq!(program.text("/tenants/2/primary_domain"), "contoso3.example");
    assert!(
        program
            .read("keys/client-key.pem")
            .starts_with("-----BEGIN PRIVATE KEY-----")
    );
}

#[tokio::test]
async fn the_program_registers_a_platform_application() {
    let id = CLIENT.to_string();
    let program = Program::start(&[
        "--platform-client-id",
        &id,
        "--redirect-uri",
        "http://localhost/one",
        "--redirect-uri",
        "http://localhost/two",
    ]);
    let (base, tenant) = (program.text("/base_url"), program.text("/tenant_id"));
    assert_eq!(program.ready["platform"]["client_id"], json!(id));
    let secret = program.text("/platform/client_secret");
    assert!(secret != program.text("/client_secret") && !program.line.contains(&secret));

    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    for (uri, status) in [("one", 302), ("two", 302), ("three", 400)] {
        let page = format!(
            "{base}/{tenant}/v2.0/adminconsent?client_id={id}&scope={base}/.default&redirect_uri=http://localhost/{uri}"
        );
        let decision = client.post(page).form(&[("decision", "approve")]);
        assert_eq!(decision.send().await.expect("answers").status(), status);
    }
    assert_eq!(token(&client, &base, [&tenant, &id, &secret]).await, 200);
}

/// SIGTERM ends it at once, with connections open.
#[cfg(unix)]
#[tokio::test]
async fn the_program_ends_when_it_is_told() {
    let mut program = Program::start(&["--users", "1"]);
    let client = Client::builder().build().expect("a client");
    let health = format!("{}/_simulator/health", program.text("/base_url"));
    client.get(&health).send().await.expect("answers");
    let told = Command::new("kill").arg(program.child.id().to_string()).status();
    assert!(told.expect("runs").success());
    assert!(program.child.wait().expect("ends").success());
    assert!(client.get(&health).send().await.is_err());
}
