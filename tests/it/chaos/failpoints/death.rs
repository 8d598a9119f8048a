//! What leads a process to its point, and the proof that it died there and nowhere else.

use std::{
    os::unix::process::ExitStatusExt as _,
    process::ExitStatus,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use integration_tests::{
    chaos::{callers::Target, failpoints::last_words, fleet::Down},
    process::Process,
};

use super::{Act, load::Load};
use crate::{
    chaos::stage::{Armed, CUSTOMERS, DEADLINE, Stage, until},
    webhooks::kit::Receiver,
};

/// The number of SIGABRT (POSIX).
const SIGABRT: i32 = 6;
/// By how much a death may be seen late.
const SEEN_LATE: Duration = Duration::from_secs(1);

/// What is there when the process dies.
pub(super) struct Scene {
    pub(super) targets: Vec<Target>,
    pub(super) receiver: Option<Receiver>,
    pub(super) load: Load,
    /// When nobody answered.
    pub(super) down: Option<Down>,
}

impl Scene {
    /// Made by a process that goes away again.
    pub(super) async fn prepared(stage: &Stage, act: Act) -> Self {
        let process = stage.serve();
        let client = stage.client(&process);
        let mut scene = Self {
            targets: stage.connect(&client).await,
            receiver: None,
            load: Load::default(),
            down: None,
        };
        if act == Act::Deliver {
            scene.receiver = Some(stage.subscribe(&client, &scene.targets[0].base).await);
        }
        if act != Act::Sweep {
            process.kill();
            return scene;
        }
        let hold = stage.simulator.control().hold("/users");
        scene.load.start_everywhere(&client, &scene.targets).await;
        let raw = stage.raw().await;
        until("all runs are at work", async || {
            let working = "SELECT count(*) FROM operation_runs WHERE status = 'running'";
            raw.number(working).await == i64::try_from(CUSTOMERS).expect("few")
        })
        .await;
        hold.reached_by(CUSTOMERS).await;
        process.kill();
        hold.release();
        scene
    }

    /// A process serves and works until it dies at the point. Returns after how long it did.
    pub(super) async fn die(&mut self, stage: &Stage, armed: Armed, act: Act, seed: u64) -> Duration {
        let begin = Instant::now();
        let mut process = stage.spawn(Some(armed));
        let ready = tokio::task::block_in_place(|| process.wait_until_ready());
        // What waits from before may lead it there at once.
        let died = if act != Act::Sweep && ready.is_ok() {
            let client = stage.client(&process);
            let ((), died) = tokio::join!(
                self.load.call(&client, &self.targets, seed),
                death(&mut process, &self.load)
            );
            died
        } else {
            death(&mut process, &self.load).await
        };
        let now = Instant::now();
        self.down = Some((now.checked_sub(SEEN_LATE).unwrap_or(now), None));
        let status = died.unwrap_or_else(|| panic!("{} was not reached {} times", armed.0, armed.1));
        assert_died(status, &process.said(), armed);
        begin.elapsed()
    }
}

/// How the process ended; nothing if it did not. Callers stop then.
async fn death(process: &mut Process, load: &Load) -> Option<ExitStatus> {
    let begin = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let mut ended = None;
    while ended.is_none() && begin.elapsed() < DEADLINE {
        looks.tick().await;
        ended = process.ended();
    }
    load.over.store(true, Ordering::Relaxed);
    ended
}

/// A command that dies at the point. Returns after how long it did.
pub(super) fn by_command(stage: &Stage, arguments: &[&str], armed: Armed) -> Duration {
    let begin = Instant::now();
    let output = stage.command(arguments, Some(armed));
    assert_died(output.status, &String::from_utf8_lossy(&output.stderr), armed);
    begin.elapsed()
}

fn assert_died(status: ExitStatus, said: &str, (point, hit): Armed) {
    assert_eq!(
        status.signal(),
        Some(SIGABRT),
        "{point} hit {hit}: {status}: {said}"
    );
    assert!(said.contains(&last_words(point, hit)), "{said}");
}
