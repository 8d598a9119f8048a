//! Names and tags: what is left out stays, tags are replaced as a whole, and nothing that was
//! found out is forgotten.

use integration_tests::{TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};

use crate::credential_life::kit::{Life, Untouched, assert_outcome};

on_both_engines!(what_is_left_out_of_a_patch_stays_as_it_is);

#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
async fn what_is_left_out_of_a_patch_stays_as_it_is(database: TestDatabase) {
    let life = Life::begin(database).await;
    assert_outcome(&life.run("provider.connection.check").await, "succeeded", None);
    let path = format!("/connections/{}", life.home.connection);
    let change = |body: Value| {
        let (life, path) = (&life, &path);
        async move { life.send(Method::PATCH, path, &[], Some(&body)).await }
    };
    let before = life.view().await;
    let named = change(json!({ "display_name": "  Contoso  " })).await;
    assert_eq!(
        (named.status, named.text("/display_name")),
        (200, "Contoso"),
        "{}",
        named.body
    );
    assert_ne!(named.header("etag"), before.header("etag"));
    for part in [
        "target_scope",
        "tags",
        "axes",
        "credential",
        "summary",
        "is_default",
    ] {
        assert_eq!(named.body[part], before.body[part], "{part} stays");
    }
    let tagged = change(json!({ "tags": { "a": "1", "b": "2" } })).await;
    assert_eq!(tagged.body["tags"], json!({ "a": "1", "b": "2" }));
    assert_eq!(tagged.text("/display_name"), "Contoso");
    let scope = change(json!({ "tags": { "b": "3" }, "scope_display_name": "Contoso Ltd" })).await;
    assert_eq!(scope.body["tags"], json!({ "b": "3" }), "all tags are replaced");
    assert_eq!(scope.text("/target_scope/scope_display_name"), "Contoso Ltd");
    let same = change(json!({ "tags": { "b": "3" }, "display_name": "Contoso" })).await;
    assert_eq!((same.status, &same.body), (200, &scope.body), "nothing to do");
    let none = change(json!({ "tags": {} })).await;
    assert_eq!(none.body["tags"], json!({}));
    let changes: Vec<_> = life
        .events("connection.updated")
        .await
        .iter()
        .rev()
        .map(|event| event["metadata"]["changed"].clone())
        .collect();
    assert_eq!(
        changes,
        ["display_name", "tags", "scope_display_name,tags", "tags"]
    );

    let untouched = Untouched::since(&life).await;
    let long = "x".repeat(121);
    let many: serde_json::Map<_, _> = (0..21).map(|n| (format!("k{n}"), json!("v"))).collect();
    for (body, status, code, field) in [
        (json!({}), 422, "invalid_value", ("", "required")),
        (
            json!({ "display_name": null }),
            422,
            "invalid_value",
            ("", "required"),
        ),
        (
            json!({ "display_name": " " }),
            422,
            "invalid_value",
            ("/display_name", "empty"),
        ),
        (
            json!({ "display_name": long }),
            422,
            "invalid_value",
            ("/display_name", "too_long"),
        ),
        (
            json!({ "scope_display_name": "a\nb" }),
            422,
            "control_character",
            ("/scope_display_name", "control_character"),
        ),
        (
            json!({ "tags": { "A": "b" } }),
            422,
            "invalid_value",
            ("/tags", "not_a_tag_key"),
        ),
        (
            json!({ "tags": many }),
            422,
            "invalid_value",
            ("/tags", "too_many"),
        ),
    ] {
        let refused = change(body.clone()).await;
        Untouched::answered(&refused, (status, code), field, &[&long]);
    }
    for field in [
        "connection_type",
        "scope_identifier",
        "is_default",
        "is_enabled",
        "credential",
    ] {
        let refused = change(json!({ field: "x" })).await;
        assert_eq!(
            (refused.status, refused.text("/code")),
            (422, "unknown_field"),
            "{field}"
        );
    }
    let stale = life
        .send(
            Method::PATCH,
            &path,
            &[("if-match", before.header("etag").expect("a tag"))],
            Some(&json!({ "display_name": "Late" })),
        )
        .await;
    Untouched::answered(&stale, (412, "precondition_failed"), ("", ""), &["Late"]);
    untouched.ends(&life).await;
    life.end().await;
}
