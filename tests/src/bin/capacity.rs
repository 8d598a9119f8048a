//! Prints what a run costs, as a table for a capacity plan:
//!
//! ```sh
//! TENANTATLAS_TEST_FSYNC=1 cargo run --release -p integration-tests --bin capacity -- --tenants 500
//! ```
//!
//! Starts a throw-away PostgreSQL, the simulator, API processes and workers on this machine, so they share its
//! cores: CPU times add up, times by the clock do not promise what separate machines would do.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::time::Duration;

use clap::Parser;
use integration_tests::{
    Engine, TestDatabase,
    capacity::{Cost, Fleet, FleetOptions, Meter},
    process::Process,
};

/// Measures what a run costs.
#[derive(Parser)]
struct Arguments {
    /// Customers, each with one connection.
    #[arg(long, default_value_t = 200)]
    tenants: usize,
    /// Users of each customer; half as many devices.
    #[arg(long, default_value_t = 200)]
    users: usize,
    /// API processes.
    #[arg(long, default_value_t = 1)]
    api: usize,
    /// Worker processes.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Requests at a time while runs are started.
    #[arg(long, default_value_t = 16)]
    at_once: usize,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let database = TestDatabase::create(Engine::Postgres, true)
        .await
        .expect("PostgreSQL's programs are installed");
    let binary = std::env::current_exe()
        .expect("has a path")
        .with_file_name("tenantatlas-under-test");
    let options = FleetOptions {
        tenants: arguments.tenants,
        users: arguments.users,
        api: arguments.api,
        workers: arguments.workers,
    };
    let mut fleet = Fleet::start(database, binary, options).await;
    println!(
        "| | runs | seconds | runs/s | API ms | worker ms | database ms | commits | rows | log KiB | growth KiB |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    idle(&mut fleet, 0).await;
    idle(&mut fleet, arguments.workers).await;
    let operations = [
        "provider.connection.check",
        "inventory.sync",
        "inventory.sync",
        "compliance.snapshot",
    ];
    for operation in operations {
        let meter = Meter::begin(&fleet.database, pids(&fleet.api)).await;
        let accepted = fleet.start_everywhere(operation, arguments.at_once).await;
        show(&format!("start `{operation}`"), meter.end(accepted).await);
        let mut meter = Meter::begin(&fleet.database, pids(&fleet.api)).await;
        fleet.start_workers(arguments.workers);
        meter.watch(pids(&fleet.workers));
        fleet.settled().await;
        show(&format!("work `{operation}`"), meter.end(accepted).await);
        for worker in fleet.workers.drain(..) {
            worker.kill();
        }
    }
    println!("\n{} runs succeeded", fleet.succeeded().await);
    fleet.stop().await;
}

/// What it costs that processes are there: a line for one second, with so many workers beside the API.
async fn idle(fleet: &mut Fleet, workers: usize) {
    fleet.start_workers(workers);
    let mut meter = Meter::begin(&fleet.database, pids(&fleet.api)).await;
    meter.watch(pids(&fleet.workers));
    std::thread::park_timeout(IDLE);
    let cost = meter.end(IDLE.as_secs()).await;
    show(&format!("a second of nothing, {workers} workers"), cost);
    for worker in fleet.workers.drain(..) {
        worker.kill();
    }
}

/// How long nothing is done.
const IDLE: Duration = Duration::from_mins(1);

fn pids(processes: &[Process]) -> Vec<u32> {
    processes.iter().map(Process::pid).collect()
}

/// One line: everything but the first three numbers is for one run.
#[expect(clippy::cast_precision_loss, reason = "for people")]
fn show(what: &str, cost: Cost) {
    let runs = cost.runs as f64;
    let seconds = cost.elapsed.as_secs_f64();
    let each = |span: Duration| span.as_secs_f64() * 1000.0 / runs;
    println!(
        "| {what} | {} | {seconds:.1} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {:.1} | {:.1} | {:.1} |",
        cost.runs,
        runs / seconds,
        each(cost.api),
        each(cost.worker),
        each(cost.database),
        cost.commits as f64 / runs,
        cost.written_rows as f64 / runs,
        cost.log_bytes as f64 / 1024.0 / runs,
        cost.table_bytes as f64 / 1024.0 / runs,
    );
}
