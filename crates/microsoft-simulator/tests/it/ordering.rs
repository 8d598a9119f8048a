//! Orders, skips and counts: what needs the header of advanced queries, and what does not.

use crate::queries::all;
use crate::support::Stage;
use serde_json::{Value, json};

/// The text of a property, row by row.
fn texts(page: &Value, property: &str) -> Vec<String> {
    let rows = page["value"].as_array().expect("rows");
    let texts = rows
        .iter()
        .map(|row| row[property].as_str().expect("a text").to_owned());
    texts.collect()
}

#[tokio::test]
async fn the_directory_orders_by_name_without_the_header() {
    let stage = Stage::start().await;
    let page = stage
        .get("/v1.0/users?$orderby=displayName&$top=20")
        .await
        .json()
        .await;
    let names = texts(&page, "displayName");
    assert!(names.len() == 20 && names.is_sorted(), "{names:?}");
}

#[tokio::test]
async fn conditional_access_skips_orders_and_counts_without_the_header() {
    let stage = Stage::start().await;
    for list in ["policies", "namedLocations"] {
        let path = format!("/v1.0/identity/conditionalAccess/{list}");
        let whole = stage.get(&path).await.json().await;
        assert_eq!(whole.get("@odata.count"), None, "nobody asked");
        let mut names = texts(&whole, "displayName");
        let ids = texts(&whole, "id");
        assert!(ids.len() > 1, "too few to tell");

        let skipped = all(&stage, &format!("{path}?$skip=1&$top=1")).await;
        assert_eq!(
            texts(&json!({ "value": skipped }), "id"),
            ids[1..],
            "over the pages too"
        );
        let beyond = stage
            .get(&format!("{path}?$skip=1000000&$count=true"))
            .await
            .json()
            .await;
        assert_eq!(
            (&beyond["value"], &beyond["@odata.count"]),
            (&json!([]), &json!(ids.len()))
        );

        names.sort_unstable_by(|a, b| b.cmp(a));
        let ordered = stage
            .get(&format!("{path}?$orderby=displayName desc&$skip=1"))
            .await;
        assert_eq!(texts(&ordered.json().await, "displayName"), names[1..]);
        assert_eq!(stage.get(&format!("{path}?$skip=-1")).await.status(), 400);
    }
    let enabled = "/v1.0/identity/conditionalAccess/policies?$filter=state eq 'enabled'";
    let found = texts(&stage.get(enabled).await.json().await, "id");
    assert!(found.len() > 1, "too few to tell");
    let skipped = stage
        .get(&format!("{enabled}&$skip=1&$count=true"))
        .await
        .json()
        .await;
    assert_eq!(texts(&skipped, "id"), found[1..], "of what is found");
    assert_eq!(skipped["@odata.count"], found.len());
}
