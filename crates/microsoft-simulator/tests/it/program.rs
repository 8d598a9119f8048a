//! The control over HTTP and the program itself.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::support::{CLIENT, Stage, TENANT};
use serde_json::{Value, json};

#[tokio::test]
async fn the_control_works_over_http() {
    let stage = Stage::start().await;
    let url = |path: &str| format!("{}/_simulator/{path}", stage.base());
    let client = stage.client();
    let health = client.get(url("health")).send().await.expect("answers");
    assert_eq!(health.status(), 200);

    let fault = json!({ "path_contains": "/users", "kind": { "type": "throttled", "retry_after": null } });
    assert_eq!(
        client
            .post(url("faults"))
            .json(&fault)
            .send()
            .await
            .expect("answers")
            .status(),
        204
    );
    assert_eq!(stage.get("/v1.0/users").await.status(), 429);
    assert_eq!(stage.get("/v1.0/users").await.status(), 200);

    let change = json!({ "state": "disabled" });
    let app = url(&format!("tenants/{TENANT}/apps/{CLIENT}"));
    assert_eq!(
        client
            .put(app)
            .json(&change)
            .send()
            .await
            .expect("answers")
            .status(),
        204
    );
    let app = url(&format!("tenants/{TENANT}/apps/{TENANT}"));
    assert_eq!(
        client
            .put(app)
            .json(&change)
            .send()
            .await
            .expect("answers")
            .status(),
        404
    );
}

#[tokio::test]
async fn the_log_over_http_shows_calls_but_no_control() {
    let stage = Stage::start().await;
    let url = format!("{}/_simulator/calls", stage.base());
    let client = stage.client();
    stage.get("/v1.0/users").await;
    let calls: Value = client
        .get(&url)
        .send()
        .await
        .expect("answers")
        .json()
        .await
        .expect("JSON");
    let paths: Vec<&str> = calls
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|call| call["path"].as_str())
        .collect();
    assert_eq!(paths.len(), 2, "a token and a list, no control: {paths:?}");
    assert_eq!(client.delete(&url).send().await.expect("answers").status(), 204);
    assert!(stage.control().calls().is_empty());
}

#[tokio::test]
async fn a_hold_over_http_holds_and_lets_go() {
    let stage = Stage::start().await;
    let holds = format!("{}/_simulator/holds", stage.base());
    let token = stage.token().await;
    let request = stage
        .client()
        .post(&holds)
        .json(&json!({ "path_contains": "/groups" }));
    let hold: Value = request.send().await.expect("answers").json().await.expect("JSON");
    let hold = format!("{holds}/{}", hold["id"]);
    // A second hold of our own on the same path: once the first lets go, the request waits at this one.
    let second = stage.control().hold("/groups");
    let (answer, ()) = tokio::join!(stage.get_with("/v1.0/groups", &token), async {
        assert_eq!(second.waiting(), 0);
        assert_eq!(
            stage
                .client()
                .delete(&hold)
                .send()
                .await
                .expect("answers")
                .status(),
            204
        );
        second.reached().await;
        second.release();
    });
    assert_eq!(answer.status(), 200);
    assert_eq!(
        stage
            .client()
            .delete(&hold)
            .send()
            .await
            .expect("answers")
            .status(),
        404
    );
}

/// The program, ended with the test also when the test fails.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_program_writes_a_ready_file_and_no_secret_elsewhere() {
    let directory = tempfile::tempdir().expect("a directory");
    let ready = directory.path().join("ready.json");
    let child = Command::new(env!("CARGO_BIN_EXE_microsoft-simulator"))
        .args(["--users", "3", "--ready-file"])
        .arg(&ready)
        .env_remove("SIMULATOR_CLIENT_SECRET")
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut program = Program(child);
    let mut line = String::new();
    BufReader::new(program.0.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("a line");
    let text = std::fs::read_to_string(&ready).expect("written before the line");
    let ready: Value = serde_json::from_str(&text).expect("JSON");
    let base = ready["base_url"].as_str().expect("an address");
    let health = reqwest::get(format!("{base}/_simulator/health"))
        .await
        .expect("answers");
    assert_eq!(health.status(), 200);
    assert!(line.contains(base) && !line.contains(ready["client_secret"].as_str().expect("a secret")));
    assert_eq!(ready["pid"], program.0.id());
}

#[test]
fn without_a_place_for_the_secret_the_program_refuses() {
    let output = Command::new(env!("CARGO_BIN_EXE_microsoft-simulator"))
        .env_remove("SIMULATOR_CLIENT_SECRET")
        .output()
        .expect("runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("SIMULATOR_CLIENT_SECRET"));
}

#[tokio::test]
async fn the_program_registers_a_platform_application() {
    let directory = tempfile::tempdir().expect("a directory");
    let ready = directory.path().join("ready.json");
    let child = Command::new(env!("CARGO_BIN_EXE_microsoft-simulator"))
        .args(["--platform-client-id", &CLIENT.to_string()])
        .args([
            "--redirect-uri",
            "http://localhost/one",
            "--redirect-uri",
            "http://localhost/two",
        ])
        .arg("--ready-file")
        .arg(&ready)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut program = Program(child);
    let mut line = String::new();
    BufReader::new(program.0.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("a line");
    let text = std::fs::read_to_string(&ready).expect("written before the line");
    let ready: Value = serde_json::from_str(&text).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (base, tenant) = (text(&ready["base_url"]), text(&ready["tenant_id"]));
    assert_eq!(ready["platform"]["client_id"], CLIENT.to_string());
    let secret = text(&ready["platform"]["client_secret"]);
    assert!(secret != text(&ready["client_secret"]) && !line.contains(&secret));

    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    for (uri, status) in [("one", 302), ("two", 302), ("three", 400)] {
        let page = format!(
            "{base}/{tenant}/v2.0/adminconsent?client_id={CLIENT}&scope={base}/.default&redirect_uri=http://localhost/{uri}"
        );
        let decision = client.post(page).form(&[("decision", "approve")]);
        assert_eq!(decision.send().await.expect("answers").status(), status);
    }
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &CLIENT.to_string()),
        ("client_secret", &secret),
        ("scope", &format!("{base}/.default")),
    ];
    let url = format!("{base}/{tenant}/oauth2/v2.0/token");
    let answer = client.post(url).form(&form).send().await.expect("answers");
    assert_eq!(answer.status(), 200);
}
