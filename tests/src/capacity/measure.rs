//! What was spent between two moments, as the kernel and PostgreSQL count it.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

use crate::TestDatabase;

/// Numbers at one moment.
#[derive(Debug, Clone, Copy, Default)]
struct Reading {
    api: Duration,
    worker: Duration,
    database: Duration,
    commits: i64,
    written_rows: i64,
    log_bytes: i64,
    table_bytes: i64,
}

/// What was spent on a number of runs.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// How many runs.
    pub runs: u64,
    /// Time by the clock on the wall.
    pub elapsed: Duration,
    /// CPU time of all API processes.
    pub api: Duration,
    /// CPU time of all workers.
    pub worker: Duration,
    /// CPU time of the PostgreSQL server, all its sessions together.
    pub database: Duration,
    /// Transactions.
    pub commits: i64,
    /// Rows inserted, updated and deleted.
    pub written_rows: i64,
    /// Bytes of write-ahead log.
    pub log_bytes: i64,
    /// Bytes by which tables and indexes grew.
    pub table_bytes: i64,
}

/// Reads the meters of a set of processes and of their database.
pub struct Meter {
    raw: DatabaseConnection,
    api: Vec<u32>,
    workers: Vec<u32>,
    begun: Instant,
    before: Reading,
}

impl Meter {
    /// Begins to measure. It takes some seconds, so what is to be measured begins after it.
    pub async fn begin(database: &TestDatabase, api: Vec<u32>) -> Self {
        let mut meter = Self {
            raw: database.raw().await,
            api,
            workers: Vec::new(),
            begun: Instant::now(),
            before: Reading::default(),
        };
        Self::let_sessions_tell();
        meter.before = meter.read().await;
        meter.begun = Instant::now();
        meter
    }

    /// Counts workers too, from their first moment on.
    pub fn watch(&mut self, workers: Vec<u32>) {
        self.workers = workers;
    }

    /// What was spent since the beginning, on `runs` runs.
    pub async fn end(self, runs: u64) -> Cost {
        let elapsed = self.begun.elapsed();
        // The kernel tells at once; the counts of transactions and rows come with those of some idle seconds.
        let spent = self.read().await;
        Self::let_sessions_tell();
        let counted = self.read().await;
        let after = Reading {
            commits: counted.commits,
            written_rows: counted.written_rows,
            ..spent
        };
        let before = self.before;
        Cost {
            runs,
            elapsed,
            api: after.api.saturating_sub(before.api),
            worker: after.worker.saturating_sub(before.worker),
            database: after.database.saturating_sub(before.database),
            commits: after.commits - before.commits,
            written_rows: after.written_rows - before.written_rows,
            log_bytes: after.log_bytes - before.log_bytes,
            table_bytes: after.table_bytes - before.table_bytes,
        }
    }

    /// A session that falls idle tells what it counted within ten seconds (PostgreSQL, "The Cumulative
    /// Statistics System").
    fn let_sessions_tell() {
        std::thread::park_timeout(Duration::from_secs(11));
    }

    async fn read(&self) -> Reading {
        self.raw
            .execute_unprepared("SELECT pg_stat_clear_snapshot()")
            .await
            .expect("answers");
        let server = self.number("SELECT pg_backend_pid()::bigint").await;
        Reading {
            api: self.api.iter().map(|pid| cpu_time(*pid)).sum(),
            worker: self.workers.iter().map(|pid| cpu_time(*pid)).sum(),
            database: server_time(u32::try_from(server).expect("a process id")),
            commits: self
                .number("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
                .await,
            written_rows: self
                .number(
                    "SELECT tup_inserted + tup_updated + tup_deleted FROM pg_stat_database
                    WHERE datname = current_database()",
                )
                .await,
            log_bytes: self
                .number("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
                .await,
            table_bytes: self
                .number(
                    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
                    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace",
                )
                .await,
        }
    }

    async fn number(&self, sql: &str) -> i64 {
        let statement = Statement::from_string(self.raw.get_database_backend(), sql);
        let row = self
            .raw
            .query_one_raw(statement)
            .await
            .expect("answers")
            .expect("a row");
        row.try_get_by_index(0).expect("a number")
    }
}

/// User and system time of a process, without its children (proc(5), `stat`, fields 14 and 15, in ticks of
/// a hundredth of a second).
fn cpu_time(pid: u32) -> Duration {
    fields(pid).map_or(Duration::ZERO, |fields| ticks(fields[11] + fields[12]))
}

/// The same for a PostgreSQL server: its first process, the ones that ended, and the ones that live.
fn server_time(backend: u32) -> Duration {
    let Some(server) = fields(backend).map(|fields| fields[1]) else {
        return Duration::ZERO;
    };
    let mut sum = Duration::ZERO;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let Some(fields) = fields(pid) else { continue };
        if u64::from(pid) == server {
            sum += ticks(fields[11] + fields[12] + fields[13] + fields[14]);
        } else if fields[1] == server {
            sum += ticks(fields[11] + fields[12]);
        }
    }
    sum
}

/// The numbers of `/proc/PID/stat` behind the name; what is no number is 0.
fn fields(pid: u32) -> Option<Vec<u64>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind) = text.rsplit_once(") ")?;
    let fields: Vec<_> = behind
        .split(' ')
        .map(|field| field.trim().parse().unwrap_or(0))
        .collect();
    (fields.len() > 15).then_some(fields)
}

const fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 10)
}
