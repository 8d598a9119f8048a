//! A rotation that is killed again and again, beside a writer and a reader, ends with everything
//! under the new key and nothing lost.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use integration_tests::{TestDatabase, on_both_engines};
use storage_sea_orm::KeyRing;

use super::{
    harness::{Lines, assert_all_open, command, fill, open_with, succeed, under},
    world::{Place, World},
};

on_both_engines!(a_killed_rotation_goes_on_where_it_was,);

/// Set, the rotation is the one of `docs/benchmarks.md`: ten thousand credentials and a kill every
/// two seconds, with the figures printed. The same test and the same promises, only longer.
const LONG_FORM: &str = "TENANTATLAS_TEN_THOUSAND_CREDENTIALS";

/// When the process is killed next.
enum Kill {
    /// After so many lines of progress.
    Lines(u32),
    /// With the first line of progress after so long.
    Time(Duration),
}

async fn a_killed_rotation_goes_on_where_it_was(database: TestDatabase) {
    let engine = database.engine.name();
    let long = std::env::var_os(LONG_FORM).is_some();
    let (workspaces, credentials, batch) = if long { (20, 500, "100") } else { (3, 100, "2") };
    let moments: Vec<_> = if long {
        (0..1000).map(|_| Kill::Time(Duration::from_secs(2))).collect()
    } else {
        [1, 4, 2, 7, 3].map(Kill::Lines).into()
    };
    let trial = Trial::with(database, workspaces, credentials).await;
    let begin = Instant::now();
    let (kills, written, read) = trial.rotate(batch, &moments).await;
    assert!(kills >= 3, "{kills} kills");
    assert!(
        written > 0 && read > 0,
        "{written} stored and {read} opened meanwhile"
    );
    if long {
        eprintln_figures(engine, begin.elapsed(), kills, written, read);
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the figures of the long form, for docs/benchmarks.md"
)]
fn eprintln_figures(engine: &str, took: Duration, kills: usize, written: usize, read: usize) {
    eprintln!("{engine}: {took:?}, {kills} kills, {written} stored and {read} opened meanwhile, 0 failed");
}

struct Trial {
    world: Arc<World>,
    filled: Vec<(Place, Vec<provider_core::ProviderConnection>)>,
}

impl Trial {
    /// So many workspaces with so many credentials each, and a second key.
    async fn with(database: TestDatabase, workspaces: usize, credentials: usize) -> Self {
        let world = World::new(database).await;
        // Handles that share the file, as processes do.
        let path = world.database.ring_file();
        let ring = KeyRing::load(&path).expect("a ring");
        let store = open_with(&world.database, ring).await.expect("opens");
        let world = World { store, ..world };
        let mut filled = Vec::new();
        for _ in 0..workspaces {
            let place = world.place().await;
            let connections = fill(&world, &place, 0, credentials).await;
            filled.push((place, connections));
        }
        succeed(&world.database, &["keys", "add", "--kid", "next"]);
        Self {
            world: Arc::new(world),
            filled,
        }
    }

    /// Rotates with a kill at each of the moments, until it ends by itself. Gives the number of
    /// kills, and of credentials that were stored and opened meanwhile.
    async fn rotate(self, batch: &str, moments: &[Kill]) -> (usize, usize, usize) {
        let over = Arc::new(AtomicBool::new(false));
        let read = Arc::new(AtomicUsize::new(0));
        let writer = tokio::spawn(write(
            Arc::clone(&self.world),
            self.filled[0].0.clone(),
            Arc::clone(&over),
        ));
        let reader = tokio::spawn(open_all(
            Arc::clone(&self.world),
            self.filled.clone(),
            Arc::clone(&over),
            Arc::clone(&read),
        ));
        let kills = kill_until_done(&self.world, batch, moments);
        over.store(true, Ordering::Relaxed);
        let written = writer.await.expect("every write is stored");
        reader.await.expect("every read opens");

        let database = &self.world.database;
        assert_eq!(under(database, "workspace_keys", "test").await, 0);
        assert_eq!(under(database, "provider_credentials", "test").await, 0);
        let all: usize = self.filled.iter().map(|(_, connections)| connections.len()).sum();
        let expected = i64::try_from(all + written).expect("few");
        assert_eq!(under(database, "provider_credentials", "next").await, expected);
        let marked = "SELECT count(*) FROM provider_credentials WHERE undecryptable";
        assert_eq!(database.number(marked).await, 0);
        for (place, connections) in &self.filled {
            assert_all_open(&self.world.store, place, connections, 0).await;
        }
        succeed(database, &["keys", "retire", "test"]);
        (kills, written, read.load(Ordering::Relaxed))
    }
}

fn kill_until_done(world: &Arc<World>, batch: &str, moments: &[Kill]) -> usize {
    let mut kills = 0;
    loop {
        let rotate = command(&world.database, &["keys", "rotate", "--batch", batch]);
        let lines = Lines::of(rotate, world.database.folder.path());
        let moment = moments.get(kills).unwrap_or(&Kill::Lines(u32::MAX));
        let killed = tokio::task::block_in_place(|| kill_at(lines, moment));
        if !killed {
            return kills;
        }
        kills += 1;
    }
}

/// Follows the process and kills it at the moment; `false` when it ended before, in peace.
fn kill_at(mut lines: Lines, moment: &Kill) -> bool {
    let begin = Instant::now();
    let mut count = 0;
    while let Some(line) = lines.next() {
        count += u32::from(line.starts_with("re-encrypted"));
        let now = match moment {
            Kill::Lines(number) => count >= *number,
            Kill::Time(time) => begin.elapsed() >= *time,
        };
        if now {
            lines.kill();
            return true;
        }
    }
    let (code, error) = lines.end();
    assert_eq!(code, Some(0), "{error}");
    false
}

/// Stores one credential after the other until it is over, and opens each. Returns how many.
async fn write(world: Arc<World>, place: Place, over: Arc<AtomicBool>) -> usize {
    let mut number = 100_000;
    while !over.load(Ordering::Relaxed) {
        let made = fill(&world, &place, number, 1).await;
        assert_all_open(&world.store, &place, &made, number).await;
        number += 1;
    }
    number - 100_000
}

async fn open_all(
    world: Arc<World>,
    filled: Vec<(Place, Vec<provider_core::ProviderConnection>)>,
    over: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
) {
    // Another handle than the writer's, as another process would have.
    let ring = KeyRing::load(&world.database.ring_file()).expect("a ring");
    let store = open_with(&world.database, ring).await.expect("opens");
    let mut round = 0;
    while !over.load(Ordering::Relaxed) {
        for (place, connections) in &filled {
            let number = round % connections.len();
            assert_all_open(&store, place, &connections[number..=number], number).await;
            count.fetch_add(1, Ordering::Relaxed);
        }
        round += 1;
    }
    store.close().await.expect("closes");
}
