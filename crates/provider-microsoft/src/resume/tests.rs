//! What is read back, and what is ignored.

use serde_json::json;

use super::*;

const TENANT: Uuid = Uuid::from_u128(7);

fn written(now: Timestamp) -> Value {
    json!({
        "version": VERSION, "operation": "collect", "tenant": TENANT, "totals": null,
        "finished": [
            { "part": "a", "ending": "complete", "sum": 3 },
            { "part": "b", "ending": { "not_assessed": "provider_permission_missing" }, "sum": 0 },
        ],
        "current": { "part": "c", "sum": 5, "link": "https://x.example/", "asked": 2, "at": now },
    })
}

fn point(text: String) -> ResumePoint {
    ResumePoint {
        text,
        written_at: Timestamp::default(),
    }
}

fn reread(value: &Value, now: Timestamp) -> Option<Written> {
    read(&point(value.to_string()), Operation::Collect, TENANT, now)
}

#[test]
fn what_was_written_is_read_back() {
    let now = Timestamp::default();
    let read = reread(&written(now), now).expect("is ours");
    assert_eq!(serde_json::to_value(&read).expect("serializes"), written(now));
    let trail = Trail(read);
    assert_eq!(trail.finished::<u64>("a"), Some((Ending::Complete, 3)));
    let missing = Ending::NotAssessed(ReasonCode::ProviderPermissionMissing);
    assert_eq!(trail.finished::<u64>("b"), Some((missing, 0)));
    assert_eq!(trail.finished::<u64>("c"), None);
}

#[test]
fn a_link_lives_a_quarter_of_an_hour() {
    let at = Timestamp::default();
    for (minutes, lives) in [(15, true), (16, false), (-16, false)] {
        let read = reread(&written(at), at + TimeDelta::minutes(minutes)).expect("is ours");
        assert_eq!(read.current.is_some(), lives, "{minutes} minutes");
        assert_eq!(read.finished.len(), 2, "what is done stays done");
    }
}

#[test]
fn anything_else_is_ignored() {
    let now = Timestamp::default();
    let changes = [
        ("version", json!(VERSION + 1)),
        ("version", json!("1")),
        ("operation", json!("measure")),
        ("tenant", json!(Uuid::from_u128(8))),
        ("finished", json!(7)),
        ("current", json!({ "part": "c" })),
    ];
    for (key, value) in changes {
        let mut other = written(now);
        other[key] = value;
        assert!(reread(&other, now).is_none(), "{key}");
    }
    let long = format!("{}{}", written(now), " ".repeat(ResumePoint::LONGEST));
    for text in [
        String::new(),
        "null".to_owned(),
        "\u{0}".to_owned(),
        "[".repeat(60_000),
        long,
    ] {
        assert!(read(&point(text), Operation::Collect, TENANT, now).is_none());
    }
}

#[test]
fn a_point_that_would_be_too_long_goes_without_its_link() {
    let now = Timestamp::default();
    let mut trail = Trail(reread(&written(now), now).expect("is ours"));
    assert!(
        trail
            .point(now)
            .is_some_and(|point| point.text.contains("x.example"))
    );
    if let Some(current) = &mut trail.0.current {
        current.link = "x".repeat(ResumePoint::LONGEST);
    }
    let point = trail.point(now).expect("is short enough");
    assert_eq!(
        reread(&serde_json::from_str(&point.text).expect("JSON"), now).map(|read| read.finished.len()),
        Some(2)
    );
}
