//! A preview says what a target would be, or what is wrong with it, and stores nothing.

use integration_tests::{TestDatabase, on_both_engines};
use serde_json::json;

use crate::credential_life::kit::{Life, Untouched};

on_both_engines!(a_preview_normalizes_or_says_what_is_wrong);

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn a_preview_normalizes_or_says_what_is_wrong(database: TestDatabase) {
    let life = Life::begin(database).await;
    let tenant = life.app.fabrikam.tenant_id.to_string();
    let path = "/connections/target-scope-preview";
    let untouched = Untouched::since(&life).await;
    let plain = json!({ "provider": "microsoft", "scope_identifier": tenant.to_uppercase() });
    let seen = life.post(path, &plain).await;
    assert_eq!(
        (seen.status, seen.text("/status")),
        (200, "normalized"),
        "{}",
        seen.body
    );
    assert_eq!(seen.text("/target_scope/scope_identifier"), tenant);
    let scope = seen.body["target_scope"].as_object().expect("an object");
    let mut keys: Vec<_> = scope.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "provider",
            "scope_display_name",
            "scope_identifier",
            "scope_kind",
            "shared_help_text",
            "shared_label"
        ]
    );
    assert_eq!(seen.text("/provider_context/cloud"), "global");
    for (kind, client, source) in [
        ("platform", json!(life.app.platform.client_id), "platform_config"),
        ("dedicated", json!(null), "dedicated_credential"),
    ] {
        let mut body = plain.clone();
        body["connection_type"] = json!(kind);
        body["display_name"] = json!("Fabrikam");
        let seen = life.post(path, &body).await;
        assert_eq!(seen.text("/target_scope/scope_display_name"), "Fabrikam");
        let identity = &seen.body["effective_client_identity"];
        assert_eq!(
            (&identity["client_identifier"], &identity["credential_source"]),
            (&client, &json!(source)),
            "{}",
            seen.body
        );
    }
    let other_cloud = json!({
        "provider": "microsoft", "scope_identifier": tenant, "connection_type": "platform",
        "provider_context": { "cloud": "usgov-l4" },
    });
    let seen = life.post(path, &other_cloud).await;
    assert_eq!(seen.text("/provider_context/cloud"), "usgov-l4", "{}", seen.body);
    assert_eq!(
        seen.body["effective_client_identity"]["client_identifier"],
        json!(null)
    );

    for (change, pointer, code) in [
        (
            json!({ "provider": "other" }),
            "/provider",
            "unsupported_provider_scope_combination",
        ),
        (
            json!({ "scope_kind": "galaxy" }),
            "/scope_kind",
            "unsupported_provider_scope_combination",
        ),
        (
            json!({ "scope_identifier": "contoso.example" }),
            "/scope_identifier",
            "invalid_scope_identifier",
        ),
        (
            json!({ "scope_identifier": "common" }),
            "/scope_identifier",
            "invalid_scope_identifier",
        ),
        (
            json!({ "scope_identifier": "9188040d-6c67-4c5b-b112-36a304b66dad" }),
            "/scope_identifier",
            "invalid_scope_identifier",
        ),
        (
            json!({ "scope_identifier": "00000000-0000-0000-0000-000000000000" }),
            "/scope_identifier",
            "invalid_scope_identifier",
        ),
        (
            json!({ "provider_context": { "cloud": "nowhere" } }),
            "/provider_context/cloud",
            "invalid_provider_context",
        ),
        (
            json!({ "provider_context": { "tenant": "x", "cloud": "global" } }),
            "/provider_context",
            "invalid_provider_context",
        ),
    ] {
        let mut body = plain.clone();
        for (key, value) in change.as_object().expect("an object") {
            body[key] = value.clone();
        }
        let refused = life.post(path, &body).await;
        Untouched::answered(
            &refused,
            (422, "target_scope_invalid"),
            (pointer, code),
            &["contoso.example", "galaxy", "nowhere"],
        );
        // Creating the same is refused alike.
        body["environment_id"] = json!(life.home.environment);
        body["connection_type"] = json!("dedicated");
        body["display_name"] = json!("A name");
        if body.get("scope_kind").is_none() {
            let refused = life.post("/connections", &body).await;
            Untouched::answered(&refused, (422, "target_scope_invalid"), (pointer, code), &[]);
        }
    }
    let mut body = plain.clone();
    body["connection_type"] = json!("shared");
    Untouched::answered(
        &life.post(path, &body).await,
        (422, "invalid_value"),
        ("/connection_type", "invalid_value"),
        &["shared"],
    );
    untouched.ends(&life).await;
    life.end().await;
}
