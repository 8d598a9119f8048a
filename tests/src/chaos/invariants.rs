//! What must be true of a database that nobody writes to at the moment, whatever happened before. The rules are
//! the product's own (`tenantatlas doctor --invariants`); what only a test can ask stands here: that nothing is
//! active any more, and that no session stays inside a transaction.

use std::{
    fmt,
    time::{Duration, Instant},
};

use storage_sea_orm::invariants::{self, InvariantOptions};

use super::raw::Raw;
use crate::Engine;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule: the product's code of the check, or a number of `docs/faults.md` and a few words.
    pub rule: &'static str,
    /// Where.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

/// One active run for each scope, by the order of commits.
pub const V2: &str = "V2 two active runs on a scope";
/// Nothing is active.
pub const V10: &str = "V10 still active";
/// No session of the database stays inside a transaction.
pub const OPEN: &str = "a session stays inside a transaction";

/// Looks for everything that the product itself calls broken.
pub async fn check(raw: &Raw) -> Vec<Violation> {
    let store = raw.store().await;
    let report = invariants::check(&store, &InvariantOptions::default()).await;
    store.close().await.expect("closes");
    let violations = report.expect("looks").violations;
    let told = violations.into_iter().map(|found| Violation {
        rule: found.check,
        detail: format!("{} {} {}", found.invariant.as_str(), found.subject, found.what),
    });
    told.collect()
}

/// Looks for runs that are still active, when none may be.
pub async fn active(raw: &Raw) -> Vec<Violation> {
    let run = raw.id_text("r.id");
    let sql = format!("SELECT {run} || ' ' || r.status FROM operation_runs r WHERE r.status <> 'completed'");
    let rows = raw.rows(&sql).await;
    let detail = |row: &sea_orm::QueryResult| row.try_get_by_index(0).expect("text");
    rows.iter()
        .map(|row| Violation {
            rule: V10,
            detail: detail(row),
        })
        .collect()
}

/// Sessions that stay inside a transaction although nobody works: looks until there are none, for
/// ten seconds at most.
pub async fn left_open(raw: &Raw) -> Vec<Violation> {
    if raw.engine() == Engine::Sqlite {
        return Vec::new();
    }
    let sql = "SELECT query FROM pg_stat_activity WHERE datname = current_database()
        AND state LIKE 'idle in transaction%'";
    let begin = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    loop {
        looks.tick().await;
        let rows = raw.rows(sql).await;
        if rows.is_empty() || begin.elapsed() > Duration::from_secs(10) {
            let detail = |row: &sea_orm::QueryResult| row.try_get_by_index(0).expect("text");
            return rows
                .iter()
                .map(|row| Violation {
                    rule: OPEN,
                    detail: detail(row),
                })
                .collect();
        }
    }
}
