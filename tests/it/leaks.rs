//! Secrets stay in. A process of the product lives through the main job and its failures with a
//! log that hides nothing, and then everything that it wrote and said is searched for what was
//! put into it, in every form that a text can take. The same search finds leaks that are planted.

mod channels;
mod evidence;
mod misplaced;
mod needles;
mod seeds;
mod served;
mod story;

use std::collections::{BTreeMap, BTreeSet};

use integration_tests::{Engine, TestDatabase, on_both_engines};
use kernel::{IdSource as _, SystemIds};

use crate::wire::Reply;
use needles::{Canary, Evidence, Sweep};
use story::Story;

on_both_engines!(
    nothing_that_was_put_in_comes_out_anywhere,
    the_search_finds_a_leak_in_every_channel_and_every_form,
);

async fn nothing_that_was_put_in_comes_out_anywhere(database: TestDatabase) {
    let mut story = Story::begin(&database).await;
    story.tell().await;
    let sweep = Sweep::of(&story.canaries);
    let mut all = std::mem::take(&mut story.answers);
    // While the process is at work, with what its engine has not put away yet.
    all.extend(evidence::files(&database).await);
    all.extend(evidence::rows(&database).await);
    all.push(evidence::file("log", &story.process.log));
    let log = all
        .last()
        .map(|log| String::from_utf8_lossy(&log.bytes).into_owned())
        .unwrap_or_default();
    let arguments = format!("/proc/{}/cmdline", story.process.ready["pid"]);
    if std::path::Path::new(&arguments).exists() {
        all.push(evidence::file("arguments", arguments.as_ref()));
    }
    story.process.kill();
    // And after its end, however sudden.
    all.extend(evidence::files(&database).await);
    assert_is_worth_searching(&all, &log);
    let finds = sweep.search(&all);
    assert!(finds.is_empty(), "{} leaks: {finds:#?}", finds.len());
    story.simulator.stop().await;
}

/// Nothing is found in nothing: the evidence holds what it should.
fn assert_is_worth_searching(all: &[Evidence], log: &str) {
    let count = |start: &str| {
        all.iter()
            .filter(|evidence| evidence.place.starts_with(start))
            .count()
    };
    assert!(count("answer ") > 80, "{} answers", count("answer "));
    assert!(
        count("row provider_credentials") == 6,
        "{} credentials",
        count("row provider_credentials")
    );
    assert!(
        count("row inventory_items") > 10
            && count("row audit_events") > 20
            && count("row operation_runs") > 8
    );
    assert_eq!(count("row consent_links"), 2);
    assert!(log.contains("/consent/{token}"), "the log tells of the pages");
    assert!(
        log.contains("run ended") && log.contains("answered"),
        "the log tells what happened"
    );
    assert!(
        log.contains("\"TRACE\"") || log.contains("\"DEBUG\""),
        "the log hides nothing"
    );
}

async fn the_search_finds_a_leak_in_every_channel_and_every_form(database: TestDatabase) {
    let canary = Canary::new("planted", "p\"ä'\\s&=+%/<3f~planted~9c>? ü");
    let sweep = Sweep::of(std::slice::from_ref(&canary));
    let forms: BTreeMap<_, _> = canary.forms().into_iter().collect();
    let texts: BTreeMap<_, _> = forms
        .iter()
        .map(|(form, bytes)| (*form, text_of(bytes)))
        .collect();
    assert!(forms.len() >= 12, "only {:?}", forms.keys());

    let mut found = BTreeSet::new();
    let mut expect = |channel: &'static str, form: &'static str, evidence: &Evidence| {
        let finds: Vec<_> = sweep
            .search([evidence])
            .into_iter()
            .map(|find| find.form)
            .collect();
        assert_eq!(finds, [form], "{channel}");
        found.insert((channel, form));
    };
    let log = database.folder.path().join("planted.log");
    for (form, text) in &texts {
        std::fs::write(
            &log,
            format!("{{\"level\":\"TRACE\"}}\n{{\"message\":\"x{text}x\"}}\n"),
        )
        .expect("written");
        expect("log", form, &evidence::file("log", &log));
        let bodies = [
            ("header", format!("x-a: {text}\r\n\r\n{{}}")),
            ("body", format!("x-a: b\r\n\r\n[\"{text}\"]")),
        ];
        for (channel, said) in bodies {
            let reply = Reply::parse(format!("HTTP/1.1 200 OK\r\n{said}").as_bytes()).expect("an answer");
            expect(channel, form, &evidence::answer("GET /", &reply));
        }
    }
    assert_eq!(found.len(), 3 * forms.len());

    let none = sweep.search(&[evidence::rows(&database).await, evidence::files(&database).await].concat());
    assert_eq!(none, BTreeSet::new(), "nothing is planted yet");
    for text in texts.values() {
        plant(&database, text).await;
    }
    for evidence in [evidence::rows(&database).await, evidence::files(&database).await] {
        let finds: BTreeSet<_> = sweep
            .search(&evidence)
            .into_iter()
            .map(|find| find.form)
            .collect();
        assert_eq!(finds, forms.keys().copied().collect(), "{}", evidence[0].place);
    }
}

fn text_of(form: &[u8]) -> String {
    String::from_utf8(form.to_vec()).expect("every form of a text is one")
}

/// Writes a row with `text` in it, around the product.
async fn plant(database: &TestDatabase, text: &str) {
    let id = match database.engine {
        Engine::Sqlite => "randomblob(16)",
        Engine::Postgres => "gen_random_uuid()",
    };
    let text = text.replace('\'', "''");
    let row = format!("{id}, '{}', '{text}', 0", SystemIds.next_uuid());
    let sql = format!("INSERT INTO workspaces (id, slug, display_name, created_at) VALUES ({row})");
    assert_eq!(database.tamper(&sql).await, 1);
}
