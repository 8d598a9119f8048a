//! `$batch`: every item is a request of its own, and a bad batch is none.

use crate::support::{CLIENT, Stage, TENANT};
use microsoft_simulator::{FaultKind, Rule};
use serde_json::{Value, json};

async fn send(stage: &Stage, path: &str, body: &Value) -> (u16, Value) {
    let request = stage.client().post(format!("{}{path}", stage.base()));
    let request = request.bearer_auth(stage.token().await).json(body);
    let answer = request.send().await.expect("answers");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

/// The answers of a batch by id.
async fn batch(stage: &Stage, requests: Value) -> impl Fn(&str) -> Value {
    let (status, body) = send(stage, "/v1.0/$batch", &json!({ "requests": requests })).await;
    assert_eq!(status, 200, "{body}");
    move |id: &str| {
        let mut answers = body["responses"].as_array().into_iter().flatten();
        answers
            .find(|answer| answer["id"] == id)
            .cloned()
            .unwrap_or_default()
    }
}

fn get(id: &str, url: &str) -> Value {
    json!({ "id": id, "method": "GET", "url": url })
}

#[tokio::test]
async fn every_item_answers_for_itself() {
    let stage = Stage::start().await;
    stage.control().set_app_roles(TENANT, CLIENT, ["User.Read.All"]);
    let mut counted = get("count", "/users/$count");
    counted["headers"] = json!({ "ConsistencyLevel": "eventual" });
    let of = batch(
        &stage,
        json!([
            get("users", "/users?$top=2&$select=id"),
            get("groups", "groups"),
            get("plain count", "/users/$count"),
            counted,
            get("nothing", "/toasters"),
        ]),
    )
    .await;
    assert_eq!(
        (
            &of("users")["status"],
            of("users")["body"]["value"].as_array().map(Vec::len)
        ),
        (&json!(200), Some(2))
    );
    assert!(
        of("users")["headers"]["Content-Type"]
            .as_str()
            .is_some_and(|kind| kind.contains("json"))
    );
    assert_eq!(
        of("groups")["body"]["error"]["code"],
        "Authorization_RequestDenied"
    );
    assert_eq!(of("plain count")["status"], 400);
    assert_eq!(
        (&of("count")["status"], &of("count")["body"]),
        (&json!(200), &json!(250))
    );
    assert_eq!(of("nothing")["status"], 404);
}

#[tokio::test]
async fn answers_come_in_any_order_and_the_same_for_the_same_seed() {
    let requests: Vec<Value> = (0..12).map(|id| get(&id.to_string(), "/domains")).collect();
    let mut orders = Vec::new();
    for _ in 0..2 {
        let stage = Stage::start().await;
        let (_, body) = send(&stage, "/v1.0/$batch", &json!({ "requests": requests })).await;
        let answers = body["responses"].as_array().into_iter().flatten();
        orders.push(answers.map(|answer| answer["id"].to_string()).collect::<Vec<_>>());
    }
    let asked: Vec<String> = requests.iter().map(|request| request["id"].to_string()).collect();
    assert_eq!(orders[0], orders[1]);
    assert_ne!(orders[0], asked);
    assert_eq!(orders[0].len(), 12);
}

#[tokio::test]
async fn a_failed_dependency_takes_its_dependents_along() {
    let stage = Stage::start().await;
    let after = |id: &str, url: &str, before: &str| {
        let mut request = get(id, url);
        request["dependsOn"] = json!([before]);
        request
    };
    let serial = json!([
        get("1", "/domains"),
        after("2", "/toasters", "1"),
        after("3", "/domains", "2")
    ]);
    let of = batch(&stage, serial).await;
    assert_eq!(
        [&of("1")["status"], &of("2")["status"], &of("3")["status"]],
        [200, 404, 424]
    );
    let same = json!([
        get("a", "/toasters"),
        get("b", "/domains"),
        after("c", "/domains", "A"),
        after("d", "/domains", "a")
    ]);
    let of = batch(&stage, same).await;
    assert_eq!(
        [&of("b")["status"], &of("c")["status"], &of("d")["status"]],
        [200, 424, 424]
    );
}

#[tokio::test]
async fn items_are_throttled_and_hit_one_by_one() {
    let stage = Stage::start().await;
    stage.control().set_throttling(true);
    let path = "/identity/conditionalAccess/policies?$top=1";
    let of = batch(
        &stage,
        json!([get("1", path), get("2", path), get("3", "/domains")]),
    )
    .await;
    assert_eq!(
        [&of("1")["status"], &of("2")["status"], &of("3")["status"]],
        [200, 429, 200]
    );
    assert_eq!(of("3")["headers"]["x-ms-resource-unit"], "1");
    stage.control().set_throttling(false);
    let wait = FaultKind::Throttled {
        retry_after: Some("30.249".to_owned()),
    };
    stage.control().inject_rule(Rule {
        times: Some(1),
        after: 1,
        ..Rule::always("/groups", wait)
    });
    let of = batch(
        &stage,
        json!([
            get("1", "/groups?$top=1"),
            get("2", "/groups?$top=1"),
            get("3", "/groups?$top=1")
        ]),
    )
    .await;
    assert_eq!(
        [&of("1")["status"], &of("2")["status"], &of("3")["status"]],
        [200, 429, 200]
    );
    assert_eq!(of("2")["headers"]["retry-after"], "30.249");
    // The third was on its way already; the next one could have waited.
    assert_eq!(stage.control().early_requests(), []);
    let of = batch(&stage, json!([get("1", "/groups?$top=1")])).await;
    assert_eq!(of("1")["status"], 200);
    assert_eq!(stage.control().early_requests().len(), 1);
}

#[tokio::test]
async fn beta_batches_read_beta() {
    let stage = Stage::start().await;
    let requests = json!({ "requests": [get("1", "/deviceManagement/configurationPolicies?$top=1")] });
    let (_, beta) = send(&stage, "/beta/$batch", &requests).await;
    assert_eq!(beta["responses"][0]["status"], 200);
    let (_, stable) = send(&stage, "/v1.0/$batch", &requests).await;
    assert_eq!(stable["responses"][0]["status"], 404);
}

#[tokio::test]
async fn a_bad_batch_is_refused_as_a_whole() {
    let stage = Stage::start().await;
    let refused = async |requests: Value, why: &str| {
        let (status, body) = send(&stage, "/v1.0/$batch", &json!({ "requests": requests })).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (400, &json!("BadRequest")),
            "{why}"
        );
        let message = body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(why), "{message}");
    };
    let many: Vec<Value> = (0..21).map(|id| get(&id.to_string(), "/domains")).collect();
    refused(json!(many), "maximum value of 20").await;
    refused(json!([]), "no request").await;
    refused(json!([{ "id": "1", "url": "/domains" }]), "payload").await;
    refused(json!([get("a", "/domains"), get("A", "/domains")]), "not unique").await;
    refused(
        json!([get("1", "https://graph.microsoft.com/v1.0/domains")]),
        "relative",
    )
    .await;
    let mut dangling = get("1", "/domains");
    dangling["dependsOn"] = json!(["2"]);
    refused(
        json!([dangling, get("2", "/domains")]),
        "does not stand before it",
    )
    .await;
    let mut third = get("3", "/domains");
    third["dependsOn"] = json!(["1", "2"]);
    refused(
        json!([get("1", "/domains"), get("2", "/domains"), third]),
        "sequence",
    )
    .await;
    refused(
        json!([{ "id": "1", "method": "POST", "url": "/groups", "body": {} }]),
        "Content-Type",
    )
    .await;

    let nobody = stage
        .client()
        .post(format!("{}/v1.0/$batch", stage.base()))
        .body("{}");
    assert_eq!(nobody.send().await.expect("answers").status(), 401);
}
