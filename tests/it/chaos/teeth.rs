//! Every rule of the checkers finds what it is for: rows and answers are spoiled one by one. What the
//! bugs on purpose (`seeded`) already show is not repeated.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use integration_tests::{
    TestDatabase,
    chaos::{
        drill::drill,
        driver::Driver,
        ground::Ground,
        history::{ALONE, Event, Heard, History, NAMED, V1, V3, V11},
        invariants::{self, V2, Violation},
        order,
        raw::Raw,
        reference::RULES,
        steps::Step,
        world::Ports,
    },
    on_both_engines,
};
use kernel::{Clock as _, SystemClock};

on_both_engines!(of_rows, of_an_active_run, of_answers);

fn rules(violations: &[Violation]) -> BTreeSet<&'static str> {
    violations.iter().map(|violation| violation.rule).collect()
}

async fn of_rows(database: TestDatabase) {
    let (store, raw) = (database.open().await, Raw::open(&database).await);
    assert!(
        drill(&Ports::of(&store), &raw, None, 1).await.is_empty(),
        "sound before"
    );
    let spoiled = [
        (
            "last_attempt_elsewhere",
            "UPDATE audit_events SET metadata = '{\"attempt\": 9}' WHERE action = 'operation.completed'",
        ),
        (
            "number_outside_of_stream",
            "UPDATE outbox_events SET sequence = NULL; UPDATE outbox_events SET sequence = 2 * (SELECT count(*)
                FROM outbox_events o WHERE o.workspace_id = outbox_events.workspace_id AND o.id <= outbox_events.id)",
        ),
        ("no_owner", "UPDATE members SET role = 'readonly'"),
        (
            "two_defaults",
            "DROP INDEX provider_connections_default_unique; UPDATE provider_connections SET is_default = true",
        ),
    ];
    for (rule, sql) in spoiled {
        assert!(
            !rules(&invariants::check(&raw).await).contains(rule),
            "{rule}: not before"
        );
        for statement in sql.split("; ") {
            raw.change(statement).await;
        }
        assert!(rules(&invariants::check(&raw).await).contains(rule), "{rule}");
    }
}

async fn of_an_active_run(database: TestDatabase) {
    let (store, raw) = (database.open().await, Raw::open(&database).await);
    let ports = Ports::of(&store);
    let ground = Ground::new(&ports, RULES).await;
    let mut driver = Driver::new(ports, raw.clone(), RULES, ground);
    for scope in [0, 1] {
        driver.take(Step::Start { scope, operation: 0 }).await;
    }
    assert_eq!(
        rules(&invariants::active(&raw).await),
        BTreeSet::from([invariants::V10])
    );
    driver.close().await;
    assert!(invariants::active(&raw).await.is_empty());
    assert!(order::check(&raw).await.is_empty());
    // Two runs that were active at the same time, on one scope after all.
    raw.change("UPDATE operation_runs SET scope_key = 'one'").await;
    assert_eq!(rules(&order::check(&raw).await), BTreeSet::from([V2]));
}

async fn of_answers(database: TestDatabase) {
    let (store, raw) = (database.open().await, Raw::open(&database).await);
    let ports = Ports::of(&store);
    let ground = Ground::new(&ports, RULES).await;
    let mut driver = Driver::new(ports, raw.clone(), RULES, ground);
    driver
        .take(Step::Start {
            scope: 0,
            operation: 0,
        })
        .await;
    let Some(Heard::Accepted(run)) = driver.history.0.first().map(|event| event.heard.clone()) else {
        panic!("the first start is accepted");
    };
    driver.close().await;
    let begin = Instant::now();
    let minute = Duration::from_mins(1);
    let event = |heard: Heard| {
        let later = SystemClock.now() + chrono::TimeDelta::minutes(1);
        Event {
            slot: 0,
            span: (begin + minute, begin + minute),
            wall: (later, later),
            heard,
        }
    };
    let nowhere = "00000000-0000-7000-8000-000000000000".to_owned();
    let broken = || Heard::Unknown("connection reset".to_owned());
    let cases = [
        (vec![Heard::Accepted(run.clone())], None),
        (
            vec![Heard::Accepted(run.clone()), Heard::Accepted(run.clone())],
            Some(V3),
        ),
        (vec![Heard::Accepted(nowhere)], Some(V1)),
        (vec![Heard::ScopeBusy(run)], Some(NAMED)),
        (vec![Heard::Unexpected("500".to_owned())], Some(V11)),
        (vec![broken()], Some(V11)),
    ];
    for (heard, rule) in cases {
        let history = History(heard.into_iter().map(event).collect());
        let found = history.check(&raw, &BTreeMap::new(), ALONE).await;
        assert_eq!(rules(&found), rule.into_iter().collect(), "{:?}", history.0);
    }
    let down = BTreeMap::from([(0, vec![(begin + minute, None)])]);
    let history = History(vec![event(broken())]);
    assert!(
        history.check(&raw, &down, ALONE).await.is_empty(),
        "while it was down, that is no wonder"
    );
}
