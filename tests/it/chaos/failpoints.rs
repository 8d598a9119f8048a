//! The table of points: a process dies exactly there, the next one takes over, and every promise was
//! kept. A point that is not reached as often as it should be is a failure too.

pub(super) mod after;
mod death;
pub(super) mod load;

use std::{fmt, io::Write as _, sync::Arc, time::Duration};

use integration_tests::{
    Engine,
    chaos::{
        depth::{self, Depth, SEED},
        failpoints::POINTS,
        seed::Numbers,
    },
};
use migration::{Migrator, MigratorTrait as _};
use tokio::{runtime::Handle, sync::Semaphore};

use super::stage::{Armed, CUSTOMERS, Stage};

/// Cases at a time: they wait for leases more than they work.
const AT_ONCE: usize = 3;

#[test]
fn every_point_on_sqlite() {
    every_point(Engine::Sqlite);
}

#[test]
fn every_point_on_postgres() {
    every_point(Engine::Postgres);
}

/// What brings a process to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Callers start operations.
    Start,
    /// A worker died before, with runs in its hands.
    Sweep,
    /// There is a webhook, and callers start operations.
    Deliver,
    /// Credentials are moved under another key.
    Rotate,
    /// The schema is made.
    Migrate,
}

impl Act {
    fn of(point: &str) -> Self {
        match point.split_once('.').expect("two words").0 {
            "reaper" => Self::Sweep,
            "outbox" => Self::Deliver,
            "rotate" => Self::Rotate,
            "migrate" => Self::Migrate,
            _ => Self::Start,
        }
    }

    /// How often the point is reached at least.
    fn most(self) -> usize {
        match self {
            Self::Start | Self::Deliver => 8,
            Self::Sweep | Self::Rotate => CUSTOMERS,
            Self::Migrate => Migrator::migrations().len(),
        }
    }
}

/// Each point at its first hit; in the deep form also at its second and at one that the seed says.
fn cases(depth: Depth, seed: u64) -> Vec<Armed> {
    let mut cases = Vec::new();
    for (part, point) in (0..).zip(POINTS) {
        let beyond = Act::of(point).most() - 2;
        let later = 3 + Numbers::part(seed, part).below(beyond);
        let later = u64::try_from(later).expect("few");
        let hits = match depth {
            Depth::Quick => vec![1],
            Depth::Deep => vec![1, 2, later],
        };
        cases.extend(hits.into_iter().map(|hit| (point, hit)));
    }
    cases
}

fn every_point(engine: Engine) {
    integration_tests::database::run(engine, |_| async move {
        let _alone = super::ALONE.lock().await;
        let seed = depth::seed();
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let cases = cases(depth::of_environment(), seed);
        let tasks: Vec<_> = cases
            .iter()
            .map(|armed| {
                let (turns, armed, runtime) = (Arc::clone(&turns), *armed, Handle::current());
                tokio::task::spawn_blocking(move || {
                    runtime.block_on(async {
                        let _turn = turns.acquire().await;
                        survive(engine, armed, seed).await
                    })
                })
            })
            .collect();
        let mut wrong = Vec::new();
        let mut table = vec![Row::HEAD.to_owned()];
        for ((point, hit), told) in cases.iter().zip(futures::future::join_all(tasks).await) {
            match told {
                Ok(row) => {
                    table.push(row.to_string());
                    wrong.extend(row.wrong.iter().map(|text| format!("{point} hit {hit}: {text}")));
                }
                Err(error) => wrong.push(format!("{point} hit {hit}: {error}")),
            }
        }
        let _ = writeln!(std::io::stderr(), "{}", table.join("\n"));
        assert!(wrong.is_empty(), "{SEED}={seed}: {wrong:#?}");
    });
}

/// What one case came to.
struct Row {
    armed: Armed,
    engine: Engine,
    died_after: Duration,
    quiet_after: Duration,
    accepted: usize,
    unanswered: usize,
    replayed: usize,
    wrong: Vec<String>,
}

impl Row {
    const HEAD: &str = "| point | hit | engine | died after s | quiet after s | accepted | unanswered | answers kept | violations |\n|---|---|---|---|---|---|---|---|---|";
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| `{}` | {} | {} | {:.1} | {:.1} | {} | {} | {} | {} |",
            self.armed.0,
            self.armed.1,
            self.engine.name(),
            self.died_after.as_secs_f64(),
            self.quiet_after.as_secs_f64(),
            self.accepted,
            self.unanswered,
            self.replayed,
            self.wrong.len()
        )
    }
}

/// One case from its beginning to its end.
async fn survive(engine: Engine, armed: Armed, seed: u64) -> Row {
    let act = Act::of(armed.0);
    let stage = Stage::new(engine, act != Act::Migrate).await;
    let stage = stage.expect("the engine is there");
    let (scene, died_after) = match act {
        Act::Migrate => {
            let died_after = death::by_command(&stage, &["migrate"], armed);
            after::the_schema_is_made(&stage, armed.1).await;
            (death::Scene::prepared(&stage, act).await, died_after)
        }
        Act::Rotate => {
            let scene = death::Scene::prepared(&stage, act).await;
            stage.done(&["keys", "add", "--kid", "next"]);
            let died_after = death::by_command(&stage, &["keys", "rotate", "--batch", "1"], armed);
            (scene, died_after)
        }
        Act::Start | Act::Sweep | Act::Deliver => {
            let mut scene = death::Scene::prepared(&stage, act).await;
            let died_after = scene.die(&stage, armed, act, seed).await;
            (scene, died_after)
        }
    };
    let row = after::judge(&stage, scene, (armed, act), died_after).await;
    stage.simulator.stop().await;
    row
}
