//! The start gate and the queue against a reference model: random sequences of steps on a real
//! database, and after each step the answer and every row must be what the model says.
//!
//! `TENANTATLAS_SEED` replays a failure; `TENANTATLAS_DEEP=1` takes ten thousand sequences for
//! each engine. Sequences share a database and take turns: a claim and a sweep see the
//! whole installation. Workspaces are new for every hundredth sequence.

use std::{
    cell::{Cell, RefCell},
    io::Write as _,
    time::Instant,
};

use integration_tests::{
    Engine, TestDatabase,
    chaos::{
        depth::{self, SEED},
        driver::Driver,
        ground::Ground,
        invariants,
        raw::Raw,
        reference::{RULES, Reference},
        steps::Step,
        world::Ports,
    },
};
use proptest::{
    collection::vec,
    prelude::{Strategy, any},
    prop_oneof,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

/// How many sequences.
const CASES: (u32, u32) = (64, 10_000);
/// How many steps a sequence has at most.
const STEPS: usize = 40;
/// How many sequences share their workspaces, one after another.
const TURNS: u32 = 100;

fn step() -> impl Strategy<Value = Step> {
    let claim = any::<u8>();
    prop_oneof![
        5 => (any::<u8>(), any::<u8>()).prop_map(|(scope, operation)| Step::Start { scope, operation }),
        4 => (any::<u8>(), 1..4u8).prop_map(|(worker, limit)| Step::Claim { worker, limit }),
        2 => claim.prop_map(|claim| Step::Heartbeat { claim }),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(claim, later)| Step::HandBack { claim, later }),
        3 => claim.prop_map(|claim| Step::Finish { claim }),
        2 => any::<u8>().prop_map(|run| Step::Cancel { run }),
        1 => any::<u8>().prop_map(|run| Step::Force { run }),
        3 => any::<u8>().prop_map(|run| Step::LeaseEnds { run }),
        1 => any::<u8>().prop_map(|run| Step::PauseEnds { run }),
        2 => proptest::strategy::Just(Step::Sweep),
    ]
}

/// One sequence. What differs is told with the step at which it did.
async fn case(ports: &Ports, raw: &Raw, ground: Ground, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut driver = Driver::new(ports.clone(), raw.clone(), RULES, ground);
    let mut reference = Reference::new(RULES);
    let mut difference = None;
    for (number, step) in steps.iter().enumerate() {
        let (seen, wanted) = (driver.take(*step).await, reference.take(*step));
        if seen != wanted {
            difference = Some(format!(
                "step {number} {step:?}: answered {seen:?}, not {wanted:?}"
            ));
            break;
        }
        let (rows, wanted) = (driver.rows().await, reference.rows());
        if rows != wanted {
            difference = Some(format!(
                "after step {number} {step:?}: rows {rows:?}, not {wanted:?}"
            ));
            break;
        }
    }
    driver.close().await;
    difference.map_or(Ok(()), |text| Err(TestCaseError::fail(text)))
}

fn agrees(engine: Engine) {
    let cases = depth::of_environment().pick(CASES.0, CASES.1);
    let seed = depth::seed();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let Some(database) = runtime.block_on(TestDatabase::create(engine, true)) else {
        return integration_tests::postgres::announce_skip();
    };
    let (ports, raw) = runtime.block_on(async {
        let store = database.open().await;
        (Ports::of(&store), Raw::open(&database).await)
    });
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 500,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let (begun, taken, turns) = (Instant::now(), Cell::new(0), Cell::new(0));
    let ground = RefCell::new(None);
    let result = runner.run(&vec(step(), 1..STEPS), |steps| {
        taken.set(taken.get() + steps.len());
        if turns.get() % TURNS == 0 {
            ground.replace(Some(runtime.block_on(Ground::new(&ports, RULES))));
        }
        turns.set(turns.get() + 1);
        let here = ground.borrow().clone().expect("made before the first turn");
        runtime.block_on(case(&ports, &raw, here, &steps))
    });
    let (name, taken) = (engine.name(), taken.get());
    let _ = writeln!(
        std::io::stderr(),
        "property {name}: {cases} sequences, {taken} steps, {:?}, {SEED}={seed}",
        begun.elapsed()
    );
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, steps)) => panic!("{name}, {SEED}={seed}: {why}\nshortest: {steps:#?}"),
        Err(TestError::Abort(why)) => panic!("{name}, {SEED}={seed}: {why}"),
    }
    let violations = runtime.block_on(invariants::check(&raw));
    assert!(violations.is_empty(), "{name}, {SEED}={seed}: {violations:#?}");
}

#[test]
fn sqlite_agrees_with_the_reference() {
    agrees(Engine::Sqlite);
}

#[test]
fn postgres_agrees_with_the_reference() {
    agrees(Engine::Postgres);
}
