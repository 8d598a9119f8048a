//! Cursors and entity tags of one workspace are worth nothing in another.

use integration_tests::{TestDatabase, on_both_engines};

use super::{
    cases::{CASES, Case, Place},
    world::{NEIGHBOUR, World},
};
use crate::{
    spec,
    wire::{Reply, Request},
};

on_both_engines!(
    a_cursor_serves_the_list_that_it_came_from_and_no_other,
    an_entity_tag_does_not_open_what_the_caller_cannot_see,
);

async fn a_cursor_serves_the_list_that_it_came_from_and_no_other(database: TestDatabase) {
    let world = World::build(database).await;
    let lists: Vec<_> = CASES.iter().filter(|case| is_list(case)).collect();
    assert_eq!(
        lists.len(),
        spec::names(|operation| operation.takes("cursor")).len()
    );
    let mut cursors = Vec::new();
    for list in &lists {
        let page = page(&world, list, &world.ours, "owner", "limit=1").await;
        let cursor = page.json()["next_cursor"].as_str().map(str::to_owned);
        cursors.push(cursor.unwrap_or_else(|| panic!("{} has two items: {}", list.name(), page.text())));
    }
    for (list, own) in lists.iter().zip(&cursors) {
        let next = page(
            &world,
            list,
            &world.ours,
            "owner",
            &format!("limit=1&cursor={own}"),
        )
        .await;
        assert_eq!(next.status, 200, "{}: {}", list.name(), next.text());
        let foreign = page(&world, list, &world.theirs, NEIGHBOUR, &format!("cursor={own}")).await;
        assert_invalid(list, &foreign);
        for other in cursors.iter().filter(|other| *other != own) {
            assert_invalid(
                list,
                &page(&world, list, &world.ours, "owner", &format!("cursor={other}")).await,
            );
        }
    }
    let runs = lists
        .iter()
        .find(|case| case.path.ends_with("/operation-runs"))
        .expect("a list");
    let own = &cursors[lists
        .iter()
        .position(|list| list.path == runs.path)
        .expect("in the list")];
    let filtered = format!("status=completed&cursor={own}");
    assert_invalid(runs, &page(&world, runs, &world.ours, "owner", &filtered).await);
    world.app.stop().await;
}

fn is_list(case: &Case) -> bool {
    spec::operations()
        .iter()
        .any(|operation| operation.name() == case.name() && operation.takes("cursor"))
}

async fn page(world: &World, case: &Case, place: &Place, subject: &str, query: &str) -> Reply {
    let target = format!("{}?{query}", place.fill(case.path));
    world
        .wire
        .send(&Request::get(&target).bearer(&world.app.token(subject)))
        .await
}

fn assert_invalid(case: &Case, reply: &Reply) {
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (400, "cursor_invalid"),
        "{}: {}",
        case.name(),
        reply.text()
    );
}

async fn an_entity_tag_does_not_open_what_the_caller_cannot_see(database: TestDatabase) {
    let world = World::build(database).await;
    let mut tagged = 0;
    for case in CASES
        .iter()
        .filter(|case| case.method == "GET" && case.in_workspace())
    {
        let seen = world.call(case, &world.ours, "owner").await;
        let Some(tag) = seen.header("etag").map(str::to_owned) else {
            continue;
        };
        tagged += 1;
        let again = world
            .request(case, &world.ours, "owner")
            .with("if-none-match", &tag);
        assert_eq!(world.wire.send(&again).await.status, 304, "{}", case.name());
        let hidden = Place {
            workspace: world.theirs.workspace.clone(),
            ..world.ours.clone()
        };
        let absent = world.call(case, &Place::nowhere(), NEIGHBOUR).await;
        for place in [&world.ours, &hidden] {
            for condition in [tag.as_str(), "*"] {
                if place.fill(case.path) == world.theirs.fill(case.path) {
                    continue;
                }
                let request = world
                    .request(case, place, NEIGHBOUR)
                    .with("if-none-match", condition);
                let reply = world.wire.send(&request).await;
                assert_eq!(
                    reply.anonymous(),
                    absent.anonymous(),
                    "{} {condition}",
                    case.name()
                );
                let head = Request {
                    method: "HEAD".to_owned(),
                    ..request
                };
                let reply = world.wire.send(&head).await;
                assert_eq!(
                    (reply.status, reply.header("etag")),
                    (404, None),
                    "{}",
                    case.name()
                );
            }
        }
    }
    assert_eq!(
        tagged, 10,
        "workspace, environment, connection, its identity, summary and throttling, run, snapshot, webhook and schedule have entity tags"
    );
    world.app.stop().await;
}
