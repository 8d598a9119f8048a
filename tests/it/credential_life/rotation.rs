//! Rotation in stages: the next credential is tried before it is used, and the one before can be
//! put back as long as it is kept.

use integration_tests::{TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};

use super::kit::{Life, Untouched, assert_outcome, in_hours};

on_both_engines!(
    a_credential_is_replaced_in_stages_without_a_gap,
    a_wrong_next_credential_is_found_out_before_it_is_used,
    what_is_no_longer_kept_is_not_put_back_and_not_shown,
    stages_that_are_not_there_cannot_be_moved,
    a_replaced_credential_is_counted_and_forgets_the_stages,
);

const NEXT: &str = "the-next-secret~1";

async fn stage(life: &Life, secret: &str) -> Value {
    life.changed(Method::PUT, "/credential/next", Some(&life.secret(secret)))
        .await
}

/// Makes the simulator accept this one secret of the client and no other.
fn accept_only(life: &Life, secret: &str) {
    let contoso = &life.app.contoso;
    let (control, tenant, client) = (life.control(), contoso.tenant_id, contoso.client_id);
    for other in [&contoso.secret, NEXT] {
        control.remove_app_secret(tenant, client, other);
    }
    assert!(control.add_app_secret(tenant, client, secret));
}

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn a_credential_is_replaced_in_stages_without_a_gap(database: TestDatabase) {
    let life = Life::begin(database).await;
    let old = life.app.contoso.secret.clone();
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    let before = life.view().await.body;

    let staged = stage(&life, NEXT).await;
    assert_eq!(
        (
            &staged["credential"]["version"],
            &staged["next_credential"]["version"]
        ),
        (&json!(1), &json!(2)),
        "{staged}"
    );
    assert_eq!(staged["next_credential"]["trial"], Value::Null);
    assert_ne!(
        staged["credential"]["fingerprint"],
        staged["next_credential"]["fingerprint"]
    );
    let untouched = Untouched::since(&life).await;
    let untried = life.change(Method::POST, "/credential/promote", None).await;
    Untouched::answered(&untried, (409, "credential_not_verified"), ("", ""), &[NEXT]);
    assert_eq!(
        untried.text("/next_steps/0/kind"),
        "try_credential",
        "{}",
        untried.body
    );
    untouched.ends(&life).await;

    // Only the next one is accepted, so whoever gets a token used it; runs of the current one
    // could not.
    accept_only(&life, NEXT);
    let tokens = life.tokens();
    let trial = life.trial().await;
    assert_outcome(&trial, "succeeded", None);
    assert!(life.tokens() > tokens, "the trial signed in for itself");
    let tried = life.view().await.body;
    assert_eq!(
        tried["axes"], before["axes"],
        "a trial says nothing about the connection"
    );
    assert_eq!(tried["next_credential"]["trial"]["succeeded"], true, "{tried}");
    assert_eq!(tried["next_credential"]["trial"]["run_id"], trial["id"]);
    accept_only(&life, &old);
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);

    accept_only(&life, NEXT);
    let promoted = life.changed(Method::POST, "/credential/promote", None).await;
    assert_eq!(
        (
            &promoted["credential"]["version"],
            &promoted["previous_credential"]["version"]
        ),
        (&json!(2), &json!(1)),
        "{promoted}"
    );
    assert_eq!(promoted["next_credential"], Value::Null);
    assert!(promoted["previous_credential"]["keep_until"].is_string());
    assert_eq!(
        promoted["axes"]["verification"]["state"], "healthy",
        "it was tried before: {promoted}"
    );
    let tokens = life.tokens();
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);
    assert_eq!(life.tokens(), tokens + 1, "the run signed in with the new one");

    accept_only(&life, &old);
    let back = life.changed(Method::POST, "/credential/rollback", None).await;
    assert_eq!(
        (
            &back["credential"]["version"],
            &back["previous_credential"]["version"]
        ),
        (&json!(1), &json!(2)),
        "{back}"
    );
    let tokens = life.tokens();
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);
    assert!(
        life.tokens() <= tokens + 1,
        "an old token of the same version may serve"
    );
    life.control().expire_tokens();
    let again = life.run("inventory.sync").await;
    assert_outcome(&again, "succeeded", None);
    assert!(life.tokens() > tokens, "and the old secret gets new tokens");

    assert_eq!(life.app.upkeep().await.removed, 0);
    life.tamper("UPDATE provider_credentials SET keep_until = 1 WHERE stage = 'previous'")
        .await;
    assert_eq!(life.app.upkeep().await.removed, 1);
    assert_eq!(life.number("SELECT count(*) FROM provider_credentials").await, 1);
    let removed = life.events("credential.previous_removed").await;
    assert_eq!(removed.len(), 1);
    assert_eq!(removed[0]["target"]["id"], json!(life.home.connection));
    assert_eq!(removed[0]["metadata"]["credential_version"], 2, "{}", removed[0]);
    for action in [
        "credential.staged",
        "credential.tried",
        "credential.promoted",
        "credential.rolled_back",
    ] {
        assert_eq!(life.events(action).await.len(), 1, "{action}");
    }
    assert_eq!(life.app.upkeep().await.removed, 0);
    life.end().await;
}

async fn a_wrong_next_credential_is_found_out_before_it_is_used(database: TestDatabase) {
    let life = Life::begin(database).await;
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    let before = life.view().await.body;
    stage(&life, "not-a-secret-of-this-client").await;
    let trial = life.trial().await;
    assert_outcome(&trial, "failed", Some("provider_credential_invalid"));
    let tried = life.view().await.body;
    let found = &tried["next_credential"]["trial"];
    assert_eq!(
        (&found["succeeded"], &found["reason_code"], &found["run_id"]),
        (&json!(false), &json!("provider_credential_invalid"), &trial["id"]),
        "{tried}"
    );
    for part in ["axes", "credential", "summary", "requirements"] {
        assert_eq!(tried[part], before[part], "{part} is untouched");
    }
    let untouched = Untouched::since(&life).await;
    let refused = life.change(Method::POST, "/credential/promote", None).await;
    Untouched::answered(&refused, (409, "credential_not_verified"), ("", ""), &[]);
    assert_eq!(refused.text("/reason_code"), "provider_credential_invalid");
    assert_eq!(refused.text("/next_steps/0/kind"), "replace_credential");
    untouched.ends(&life).await;
    assert_outcome(&life.run("inventory.sync").await, "succeeded", None);

    // What was tried is this credential and no other: a new next one is untried.
    let again = stage(&life, NEXT).await;
    assert_eq!(again["next_credential"]["trial"], Value::Null, "{again}");
    assert_eq!(again["next_credential"]["version"], 3);
    let discarded = life.changed(Method::DELETE, "/credential/next", None).await;
    assert_eq!(discarded["next_credential"], Value::Null);
    assert_eq!(life.number("SELECT count(*) FROM provider_credentials").await, 1);
    life.end().await;
}

async fn what_is_no_longer_kept_is_not_put_back_and_not_shown(database: TestDatabase) {
    let life = Life::begin(database).await;
    let contoso = &life.app.contoso;
    assert!(
        life.control()
            .add_app_secret(contoso.tenant_id, contoso.client_id, NEXT)
    );
    stage(&life, NEXT).await;
    assert_outcome(&life.trial().await, "succeeded", None);
    life.changed(Method::POST, "/credential/promote", None).await;
    let kept = life.view().await;
    assert_eq!(kept.body["previous_credential"]["version"], 1, "{}", kept.body);
    let calendar = life.get("/expiry-calendar").await;
    assert_eq!(calendar.body["items"].as_array().map(Vec::len), Some(2));

    let sql = format!(
        "UPDATE provider_credentials SET keep_until = {} WHERE stage = 'previous'",
        in_hours(0)
    );
    assert_eq!(life.tamper(&sql).await, 1);
    let view = life.view().await.body;
    assert_eq!(view["previous_credential"], Value::Null, "{view}");
    assert_eq!(view["credential"]["version"], 2);
    let calendar = life.get("/expiry-calendar").await;
    assert_eq!(calendar.body["items"].as_array().map(Vec::len), Some(1));
    let untouched = Untouched::since(&life).await;
    let refused = life.change(Method::POST, "/credential/rollback", None).await;
    Untouched::answered(&refused, (409, "credential_stage_missing"), ("", ""), &[]);
    untouched.ends(&life).await;
    assert_eq!(
        life.number("SELECT count(*) FROM provider_credentials WHERE stage = 'previous'")
            .await,
        1,
        "upkeep was not there yet"
    );
    let tag = kept.header("etag").expect("an entity tag");
    let path = format!("/connections/{}/credential/rollback", life.home.connection);
    let stale = life.send(Method::POST, &path, &[("if-match", tag)], None).await;
    assert_eq!((stale.status, stale.text("/code")), (412, "precondition_failed"));
    life.end().await;
}

async fn stages_that_are_not_there_cannot_be_moved(database: TestDatabase) {
    let life = Life::begin(database).await;
    let untouched = Untouched::since(&life).await;
    for (method, tail) in [
        (Method::POST, "/credential/promote"),
        (Method::POST, "/credential/rollback"),
        (Method::DELETE, "/credential/next"),
    ] {
        let refused = life.change(method.clone(), tail, None).await;
        Untouched::answered(&refused, (409, "credential_stage_missing"), ("", ""), &[]);
        let path = format!("/connections/{}{tail}", life.home.connection);
        let blind = life.send(method, &path, &[], None).await;
        assert_eq!(
            (blind.status, blind.text("/code")),
            (428, "precondition_required")
        );
    }
    let inputs = json!({ "credential": "next" });
    let other =
        json!({ "kind": "client_secret", "client_identifier": life.app.fabrikam.client_id, "secret": NEXT });
    let refused = life.change(Method::PUT, "/credential/next", Some(&other)).await;
    Untouched::answered(
        &refused,
        (422, "invalid_value"),
        ("/client_identifier", "other_client"),
        &[NEXT],
    );
    untouched.ends(&life).await;
    let nothing = life
        .start_on(&life.home.connection, "provider.connection.check", inputs)
        .await;
    assert_eq!(
        (nothing.status, nothing.text("/code")),
        (422, "operation_blocked")
    );
    assert_eq!(nothing.text("/reason_code"), "provider_credential_missing");
    assert_eq!(life.tokens(), 0);
    life.end().await;
}

async fn a_replaced_credential_is_counted_and_forgets_the_stages(database: TestDatabase) {
    let life = Life::begin(database).await;
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    stage(&life, NEXT).await;
    let put = life
        .changed(Method::PUT, "/credential", Some(&life.secret("a-third-one")))
        .await;
    assert_eq!(put["credential"]["version"], 3, "no version is used twice: {put}");
    assert_eq!(put["next_credential"], Value::Null);
    assert_eq!(put["axes"]["verification"]["state"], "unknown");
    assert_eq!(
        put["axes"]["consent"]["state"], "granted",
        "consent was given to the client, which is the same"
    );
    assert_eq!(life.number("SELECT count(*) FROM provider_credentials").await, 1);
    assert_outcome(
        &life.run("inventory.sync").await,
        "failed",
        Some("provider_credential_invalid"),
    );
    let gone = life.changed(Method::DELETE, "/credential", None).await;
    assert_eq!(gone["credential"]["state"], "missing");
    assert_eq!(life.number("SELECT count(*) FROM provider_credentials").await, 0);
    let blocked = life
        .start_on(&life.home.connection, "inventory.sync", json!({}))
        .await;
    assert_eq!(blocked.text("/reason_code"), "provider_credential_missing");
    life.end().await;
}
