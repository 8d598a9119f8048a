//! The protocol of leases as a model, explored in every interleaving: claim, sign of life, fence,
//! cancel, force, hand back, sweep, crash, pause and late write, by two workers on one scope.
//!
//! The model says what the statements of `storage-sea-orm/src/runs` do, one transition for each,
//! and what a worker does between them. It is no proof of the code: the property tests
//! (`property`) hold the code against a sequential model of the same rules. What it shows is that
//! the rules themselves suffice, and that each of them is needed: the variants without one must
//! have a counter-example.

mod machine;
mod properties;
mod state;

use std::{io::Write as _, time::Instant};

use integration_tests::chaos::depth::{self, Depth};
use machine::{Budget, Lease, Variant};
use stateright::{Checker, HasDiscoveries, Model as _};

/// How many states the deep form must see to count.
const DEEP_STATES: usize = 100_000;

fn explore(variant: Variant, budget: Budget, until: HasDiscoveries, threads: usize) -> impl Checker<Lease> {
    let begun = Instant::now();
    let model = Lease { variant, budget };
    let checker = model
        .checker()
        .finish_when(until)
        .threads(threads)
        .spawn_bfs()
        .join();
    let (unique, total) = (checker.unique_state_count(), checker.state_count());
    let _ = writeln!(
        std::io::stderr(),
        "model {variant:?}: {unique} states, {total} transitions, depth {}, {:?}",
        checker.max_depth(),
        begun.elapsed()
    );
    checker
}

#[test]
fn the_rules_hold_in_every_interleaving() {
    let budget = match depth::of_environment() {
        Depth::Quick => Budget::QUICK,
        Depth::Deep => Budget::DEEP,
    };
    let checker = explore(Variant::Faithful, budget, HasDiscoveries::AnyFailures, 2);
    checker.assert_properties();
    assert!(checker.is_done(), "the whole space was seen");
    if depth::of_environment() == Depth::Deep {
        assert!(
            checker.unique_state_count() >= DEEP_STATES,
            "too few states to count: {}",
            checker.unique_state_count()
        );
    }
}

/// The variant must break one of the named properties, and says which and how.
fn must_break(variant: Variant, properties: &[&'static str]) {
    // Breadth first on one thread: the first counter-example is a shortest one.
    let until = HasDiscoveries::AnyOf(properties.iter().copied().collect());
    let checker = explore(variant, Budget::QUICK, until, 1);
    let found = checker.discoveries();
    let broken = properties
        .iter()
        .find_map(|name| found.get(name).map(|path| (*name, path)));
    let Some((name, path)) = broken else {
        panic!(
            "{variant:?} breaks none of {properties:?}, but {:?}",
            found.keys()
        );
    };
    let steps: Vec<_> = path.clone().into_actions();
    let _ = writeln!(std::io::stderr(), "  {name} broken by {steps:?}");
}

#[test]
fn without_the_fence_a_late_worker_overwrites() {
    must_break(Variant::NoFence, &[properties::V4, properties::V5]);
}

#[test]
fn a_sweep_without_the_lease_predicate_takes_runs_from_living_workers() {
    must_break(Variant::SweepWithoutLease, &[properties::RESCUE]);
}

#[test]
fn a_sweep_by_id_alone_revives_runs_that_are_over() {
    must_break(Variant::SweepById, &[properties::V4]);
}

#[test]
fn without_the_index_two_runs_are_active() {
    must_break(Variant::NoUniqueScope, &[properties::V2]);
}

#[test]
fn a_cancel_that_frees_the_scope_at_once_lets_two_workers_onto_it() {
    must_break(Variant::CancelFreesAtOnce, &[properties::ALONE]);
}

#[test]
fn a_claim_that_does_not_count_leaves_a_gap() {
    must_break(Variant::ClaimKeepsAttempt, &[properties::V6]);
}

#[test]
fn without_a_sweep_a_crash_leaves_a_run_for_ever() {
    must_break(Variant::NoSweep, &[properties::V10]);
}
