//! Faults by plan: tenants, order, times, and files that are refused.

use crate::support::{CLIENT, SECRET, Stage, TENANT};
use chrono::TimeDelta;
use microsoft_simulator::{AppOptions, FaultKind, Rule, Script, Simulator, SimulatorOptions, TenantOptions};
use uuid::Uuid;

const GROUPS: &str = "/v1.0/groups?$top=1";

fn rules(text: &str) -> Script {
    Script::parse(text).expect("a good script")
}

fn complaint(text: &str) -> String {
    Script::parse(text).expect_err("a bad script").to_string()
}

/// Statuses of some requests, one after the other.
async fn statuses(stage: &Stage, path: &str, count: usize) -> Vec<u16> {
    let token = stage.token().await;
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(stage.get_with(path, &token).await.status());
    }
    statuses
}

#[tokio::test]
async fn a_rule_acts_after_some_requests_and_so_many_times() {
    let stage = Stage::start().await;
    stage.control().play(rules(
        r#"{"rules": [{"path_contains": "/groups", "method": "get", "after": 2, "times": 2,
            "fault": {"type": "server_error"}}]}"#,
    ));
    assert_eq!(statuses(&stage, GROUPS, 6).await, [200, 200, 500, 500, 200, 200]);
    assert_eq!(stage.control().script_hits(), [2]);
}

#[tokio::test]
async fn a_rule_acts_for_a_time_by_the_simulators_clock() {
    let stage = Stage::start().await;
    let control = stage.control();
    control.play(rules(
        r#"{"rules": [{"from_seconds": 60, "until_seconds": 120, "path_contains": "/v1.0/",
            "fault": {"type": "service_unavailable_html", "retry_after": null}}]}"#,
    ));
    for (seconds, status) in [(0, 200), (61, 503), (110, 503), (121, 200)] {
        control.set_clock_offset(TimeDelta::seconds(seconds));
        assert_eq!(
            statuses(&stage, GROUPS, 2).await,
            [status, status],
            "after {seconds} s"
        );
    }
    assert_eq!(control.script_hits(), [4]);
}

#[tokio::test]
async fn a_rule_of_one_tenant_leaves_the_others_alone() {
    let stage = Stage::start().await;
    let other = Uuid::from_u128(77);
    stage
        .control()
        .inject_rule(Rule::always("/groups", FaultKind::ServerError).of_tenant(other));
    stage
        .control()
        .inject_rule(Rule::always("/token", FaultKind::ServerError).of_tenant(other));
    assert_eq!(statuses(&stage, GROUPS, 1).await, [200]);
    stage
        .control()
        .inject_rule(Rule::always("/token", FaultKind::GatewayTimeout).of_tenant(TENANT));
    assert_eq!(stage.post_token(&TENANT.to_string(), &[]).await.status(), 504);
    stage.control().clear_faults();
    assert_ne!(stage.post_token(&TENANT.to_string(), &[]).await.status(), 504);
}

#[tokio::test]
async fn a_storm_throttles_all_and_ends_by_the_clock() {
    let stage = Stage::start().await;
    let control = stage.control();
    control.inject_rule(Rule::always("/v1.0/", FaultKind::Storm { seconds: 600 }));
    let token = stage.token().await;
    let first = stage.get_with(GROUPS, &token).await;
    assert_eq!(
        (first.status(), first.header("retry-after").as_deref()),
        (429, Some("600"))
    );
    control.set_clock_offset(TimeDelta::seconds(400));
    let later = stage.get_with("/v1.0/users", &token).await;
    let left: u32 = later
        .header("retry-after")
        .expect("a wait")
        .parse()
        .expect("seconds");
    assert!(later.status() == 429 && (190..=200).contains(&left), "{left}");
    control.set_clock_offset(TimeDelta::seconds(601));
    assert_eq!(stage.get_with(GROUPS, &token).await.status(), 200);
}

#[test]
fn a_bad_script_is_refused_with_its_place() {
    let unknown = complaint("{\"rules\": [\n  {\"path_contains\": \"/\",\n   \"tmies\": 1}]}");
    assert!(
        unknown.contains("tmies") && unknown.contains("line 3"),
        "{unknown}"
    );
    let kind = complaint(r#"{"rules": [{"fault": {"type": "earthquake"}}]}"#);
    assert!(kind.contains("earthquake") && kind.contains("line 1"), "{kind}");
    let member = complaint(r#"{"rules": [{"fault": {"type": "storm", "seconds": 3, "minutes": 1}}]}"#);
    assert!(member.contains("minutes"), "{member}");
    let rule = |rest: &str| {
        complaint(&format!(
            r#"{{"rules": [{{"fault": {{"type": "html"}}}}, {{{rest}, "fault": {{"type": "html"}}}}]}}"#
        ))
    };
    assert!(rule(r#""times": 0"#).contains("rules[1].times"));
    assert!(rule(r#""from_seconds": 5, "until_seconds": 5"#).contains("rules[1].until_seconds"));
    assert!(rule(r#""method": "G E T""#).contains("rules[1].method"));
    let status = complaint(r#"{"rules": [{"fault": {"type": "status", "status": 99, "body": ""}}]}"#);
    assert!(status.contains("rules[0].fault.status"), "{status}");
    let deep =
        |depth: u32| format!(r#"{{"rules": [{{"fault": {{"type": "deep_json", "depth": {depth}}}}}]}}"#);
    assert!(complaint(&deep(1_000_001)).contains("rules[0].fault.depth"));
    assert_eq!(rules(&deep(1_000_000)).rules.len(), 1);
    let header = complaint(r#"{"rules": [{"fault": {"type": "throttled", "retry_after": "1\n2"}}]}"#);
    assert!(header.contains("rules[0].fault.retry_after"), "{header}");
}

/// The format is described by an example; it has to be one.
#[test]
fn the_documented_example_is_a_script() {
    let documented = include_str!("../../src/script.rs").split("```");
    let example = documented.into_iter().find_map(|part| part.strip_prefix("json"));
    let example = example.expect("an example").replace("//!", "");
    let script = rules(&example);
    assert_eq!(script.rules.len(), 2);
    assert_eq!(script.rules[1].until_seconds, Some(660));
}

/// The manual as well: its example is a script, and its table has every fault.
#[test]
fn the_manual_knows_every_fault() {
    let manual = include_str!("../../../../docs/simulator.md");
    let (_, example) = manual.split_once("<<'JSON'\n").expect("an example");
    let (example, _) = example.split_once("\nJSON\n").expect("its end");
    assert_eq!(rules(example).rules.len(), 2);

    let unknown = complaint(r#"{"rules": [{"fault": {"type": "earthquake"}}]}"#);
    let (_, known) = unknown.split_once("expected one of").expect("a list");
    let names: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        assert!(
            manual.contains(&format!("`{name}`")),
            "{name} is not in the manual"
        );
    }
}

#[tokio::test]
async fn the_script_is_replaced_over_http() {
    let stage = Stage::start().await;
    let url = format!("{}/_simulator/script", stage.base());
    let put = async |text: &'static str| {
        let answer = stage.client().put(&url).body(text).send().await.expect("answers");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    let good = r#"{"rules": [{"path_contains": "/groups", "fault": {"type": "gateway_timeout"}}]}"#;
    assert_eq!(put(good).await.0, 204);
    assert_eq!(statuses(&stage, GROUPS, 2).await, [504, 504]);
    let (status, text) = put("{\"rules\": [{}]}").await;
    assert_eq!(status, 400);
    assert!(text.contains("fault") && text.contains("line 1"), "{text}");
    assert_eq!(statuses(&stage, GROUPS, 1).await, [504], "the good one stays");
    assert_eq!(put(r#"{"rules": []}"#).await.0, 204);
    assert_eq!(statuses(&stage, GROUPS, 1).await, [200]);
}

#[tokio::test]
async fn a_rule_that_says_nothing_is_refused_over_http() {
    let stage = Stage::start().await;
    let post = async |text: &'static str| {
        let request = stage.client().post(format!("{}/_simulator/rules", stage.base()));
        let request = request.header("content-type", "application/json").body(text);
        request.send().await.expect("answers").status().as_u16()
    };
    assert_eq!(post(r#"{"times": 0, "fault": {"type": "html"}}"#).await, 400);
    assert_eq!(post(r#"{"tims": 1, "fault": {"type": "html"}}"#).await, 422);
    assert_eq!(post(r#"{"path_contains": "/groups", "times": 1, "fault": {"type": "graph_error", "status": 418, "code": ""}}"#).await, 204);
    assert_eq!(statuses(&stage, GROUPS, 2).await, [418, 200]);
}

#[tokio::test]
async fn the_script_of_the_options_plays_from_the_start() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let mut tenant = TenantOptions::sample(TENANT);
    tenant.apps.push(AppOptions::consented(CLIENT, SECRET));
    let start = async |text: &str| {
        std::fs::write(file.path(), text).expect("written");
        Simulator::start(SimulatorOptions {
            tenants: vec![tenant.clone()],
            script: Some(file.path().to_owned()),
            ..SimulatorOptions::default()
        })
        .await
    };
    let name = file.path().to_str().expect("text");
    let error = start("{\"rules\": 1}").await.err().expect("refused");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let text = error.to_string();
    assert!(text.contains("line 1") && text.contains(name), "{error}");
    let simulator = start(r#"{"rules": [{"fault": {"type": "empty_body"}}]}"#)
        .await
        .expect("starts");
    let answer = reqwest::get(format!("{}/v1.0/users", simulator.base_url()))
        .await
        .expect("answers");
    assert_eq!(
        (
            answer.status().as_u16(),
            answer.text().await.expect("text").as_str()
        ),
        (200, "")
    );
    assert_eq!(simulator.control().script_hits(), [1]);
    simulator.stop().await;
}
