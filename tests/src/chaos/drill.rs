//! A drill: random steps on a database, watched by everything that can find a broken promise: the
//! reference model step by step, and afterwards the rows, their order, and what callers heard.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    bugs::{Bug, REFERENCE},
    driver::Driver,
    ground::Ground,
    history::ALONE,
    invariants, order,
    raw::Raw,
    reference::{RULES, Reference},
    seed::Numbers,
    steps::Step,
    world::Ports,
};

/// How many steps.
const STEPS: usize = 40;

/// One drill. Returns what was found, by the name of the rule.
pub async fn drill(ports: &Ports, raw: &Raw, bug: Option<Bug>, seed: u64) -> BTreeSet<&'static str> {
    let mut numbers = Numbers::new(seed);
    let mut found = BTreeSet::new();
    let ground = Ground::new(ports, RULES).await;
    let mut driver = Driver::new(ports.clone(), raw.clone(), RULES, ground).with(bug);
    let mut reference = Reference::new(RULES);
    for _ in 0..STEPS {
        let step = Step::random(&mut numbers);
        let (came, wanted) = (driver.take(step).await, reference.take(step));
        if came != wanted || driver.rows().await != reference.rows() {
            found.insert(REFERENCE);
        }
    }
    driver.close().await;
    found.extend(rules(invariants::check(raw).await));
    found.extend(rules(order::check(raw).await));
    found.extend(rules(driver.history.check(raw, &BTreeMap::new(), ALONE).await));
    found
}

fn rules(violations: Vec<invariants::Violation>) -> impl Iterator<Item = &'static str> {
    violations.into_iter().map(|violation| violation.rule)
}
