//! The filters of the run list. Freshness is derived in memory, and a filter on it narrows in SQL:
//! over every kind of run, both must come to the same runs.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use integration_tests::{TestDatabase, on_both_engines};
use kernel::PageRequest;
use operations::{
    Freshness, OperationRun, RunFilter, RunOutcome, RunStatus, RunTrigger, ScheduleId, StatusGroup,
};
use provider_core::{ProviderConnection, ReasonCode, RunId};

use super::world::{Place, World, fresh};

on_both_engines!(
    a_filter_on_freshness_agrees_with_freshness,
    each_filter_narrows_to_its_own,
);

async fn ids(world: &World, place: &Place, filter: RunFilter) -> BTreeSet<RunId> {
    let session = world.read().await;
    let page = session
        .runs()
        .list(&place.scope, filter, PageRequest::default())
        .await;
    page.expect("reads").items.iter().map(|run| run.id).collect()
}

fn with(set: impl FnOnce(&mut RunFilter)) -> RunFilter {
    let mut filter = RunFilter::default();
    set(&mut filter);
    filter
}

/// One run of each kind there is.
async fn every_kind(world: &World, place: &Place, connection: &ProviderConnection) -> Vec<RunId> {
    let mut kinds = Vec::new();
    // Two that are running: one with its lease, one without.
    for key in ["alive", "silent"] {
        world.queued(place, connection, key).await;
        kinds.push(world.claim_one().await.run.id);
    }
    world.lose_lease(kinds[1]).await;
    for key in ["ended", "swept"] {
        let run = world.queued(place, connection, key).await;
        let end = match key {
            "ended" => run.end_because(RunOutcome::Succeeded, ReasonCode::RunCanceled),
            _ => run.end_unattended(ReasonCode::WorkerLost, world.now),
        };
        assert!(world.end_active(place, run.id, &end.expect("active")).await);
        kinds.push(run.id);
    }
    let new = world.new_run(place, connection, "blocked");
    let blocked = OperationRun::blocked(new, ReasonCode::ProviderConnectionDisabled);
    world.insert_blocked(place, &blocked).await;
    kinds.push(blocked.id);
    kinds.push(world.queued(place, connection, "waiting").await.id);
    kinds
}

async fn a_filter_on_freshness_agrees_with_freshness(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let kinds = every_kind(&world, &place, &connection).await;
    let running = world.run_now(&place, kinds[0]).await;
    let lease_until = match running.state() {
        operations::RunState::Running { lease_until, .. } => lease_until,
        other => panic!("{other:?}"),
    };
    let mut seen = BTreeSet::new();
    // The very end of a lease, and both sides of it.
    for now in [-1, 0, 1].map(|micros| lease_until + TimeDelta::microseconds(micros)) {
        let mut all = 0;
        for freshness in Freshness::ALL {
            let filter = RunFilter {
                freshness: Some((freshness, now)),
                ..RunFilter::default()
            };
            let mut expected = BTreeSet::new();
            for id in &kinds {
                if world.run_now(&place, *id).await.freshness(now) == freshness {
                    expected.insert(*id);
                }
            }
            let found = ids(&world, &place, filter).await;
            assert_eq!(found, expected, "{freshness:?} at {now}");
            all += found.len();
            seen.extend((!found.is_empty()).then_some(freshness.as_str()));
        }
        assert_eq!(all, kinds.len(), "each run has one freshness");
    }
    assert_eq!(seen.len(), Freshness::ALL.len(), "no kind is missing: {seen:?}");
}

/// One queued run of each trigger that names something, a second after the others and started by nobody.
async fn of_each_trigger(
    world: &World,
    place: &Place,
    connection: &ProviderConnection,
    parent: RunId,
    schedule: ScheduleId,
) -> Vec<RunId> {
    let mut special = Vec::new();
    for trigger in [
        RunTrigger::Bulk { parent: Some(parent) },
        RunTrigger::Schedule(schedule),
        RunTrigger::Consent,
    ] {
        let mut new = world.new_run(place, connection, trigger.as_str());
        new.trigger = trigger;
        new.initiator.principal_id = None;
        new.created_at = world.now + TimeDelta::seconds(1);
        let run = OperationRun::queued(new);
        world.insert_run(place, &run).await;
        special.push(run.id);
    }
    special
}

async fn each_filter_narrows_to_its_own(database: TestDatabase) {
    let world = World::new(database).await;
    let place = world.place().await;
    let connection = world.connected(&place, "site-1", "secret").await;
    let kinds = every_kind(&world, &place, &connection).await;
    let (parent, schedule) = (kinds[2], fresh());
    let special = of_each_trigger(&world, &place, &connection, parent, schedule).await;
    let everything: BTreeSet<_> = kinds.iter().chain(&special).copied().collect();
    assert_eq!(ids(&world, &place, RunFilter::default()).await, everything);
    let owner = place.owner.member().principal.id;
    let active = [kinds[0], kinds[1], kinds[5], special[0], special[1], special[2]];
    let cases: [(&str, RunFilter, &[RunId]); 12] = [
        (
            "active",
            with(|filter| filter.group = Some(StatusGroup::Active)),
            &active,
        ),
        (
            "terminal",
            with(|filter| filter.group = Some(StatusGroup::Terminal)),
            &kinds[2..5],
        ),
        (
            "both",
            with(|filter| {
                filter.group = Some(StatusGroup::Active);
                filter.status = Some(RunStatus::Completed);
            }),
            &[],
        ),
        (
            "succeeded",
            with(|filter| filter.outcome = Some(RunOutcome::Succeeded)),
            &kinds[2..3],
        ),
        (
            "blocked",
            with(|filter| filter.outcome = Some(RunOutcome::Blocked)),
            &kinds[4..5],
        ),
        ("initiator", with(|filter| filter.initiator = Some(owner)), &kinds),
        ("nobody", with(|filter| filter.initiator = Some(fresh())), &[]),
        (
            "trigger",
            with(|filter| filter.trigger = Some("consent")),
            &special[2..],
        ),
        (
            "parent",
            with(|filter| filter.parent_run_id = Some(parent)),
            &special[..1],
        ),
        (
            "schedule",
            with(|filter| filter.schedule_id = Some(schedule)),
            &special[1..2],
        ),
        (
            "after",
            with(|filter| filter.created_after = Some(world.now)),
            &special,
        ),
        (
            "before",
            with(|filter| filter.created_before = Some(world.now + TimeDelta::seconds(1))),
            &kinds,
        ),
    ];
    for (what, filter, expected) in cases {
        let expected: BTreeSet<_> = expected.iter().copied().collect();
        assert_eq!(ids(&world, &place, filter).await, expected, "{what}");
    }
}
