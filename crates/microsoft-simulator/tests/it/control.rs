//! The control over HTTP.

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

/// Asks until a request stands at the hold.
async fn until_one_waits(stage: &Stage, hold: &str) {
    for _ in 0..10_000 {
        let answer = stage.client().get(hold).send().await.expect("answers");
        let shown: Value = answer.json().await.expect("JSON");
        if shown["waiting"] == 1 {
            return;
        }
    }
    panic!("no request came to the hold");
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
        until_one_waits(&stage, &hold).await;
        assert_eq!(second.waiting(), 0, "the first holds it");
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
