//! Migrations: append only, the same on both engines, reversible, and ending in the schema that
//! stands in `migration/schema.<engine>.sql` for review. `UPDATE_GOLDEN=1` writes the golden
//! files; the lock file it may only extend.

mod lock;
pub(crate) mod schema;
mod start;

use std::{
    fs,
    path::{Path, PathBuf},
};

use integration_tests::{Engine, TestDatabase, postgres};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

/// Set to write golden files instead of comparing with them.
const UPDATE: &str = "UPDATE_GOLDEN";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
        .join("migration")
}

fn updating() -> bool {
    std::env::var_os(UPDATE).is_some()
}

/// Compares `text` with the golden file, or writes it.
fn assert_golden(path: &Path, text: &str) {
    if updating() {
        fs::write(path, text).expect("written");
    }
    let golden = fs::read_to_string(path).unwrap_or_default();
    if golden != text {
        let differs = |(old, new): &(&str, &str)| old != new;
        let first = golden.lines().zip(text.lines()).position(|pair| differs(&pair));
        let line = first.unwrap_or_else(|| golden.lines().count().min(text.lines().count()));
        let (was, is) = (golden.lines().nth(line), text.lines().nth(line));
        panic!(
            "{} differs in line {}: {was:?} is now {is:?}. {UPDATE}=1 writes it.",
            path.display(),
            line + 1
        );
    }
}

/// Runs a test on a database of each engine that has no schema yet.
fn on_an_empty_database<F, Fut>(engine: Engine, test: F)
where
    F: FnOnce(TestDatabase) -> Fut,
    Fut: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        match TestDatabase::create(engine, false).await {
            Some(database) => test(database).await,
            None => postgres::announce_skip(),
        }
    });
}

/// The rows of a query whose columns are all text.
async fn rows<const N: usize>(raw: &DatabaseConnection, sql: &str) -> Vec<[String; N]> {
    let statement = Statement::from_string(raw.get_database_backend(), sql);
    let found = raw.query_all_raw(statement).await.expect("runs");
    let column = |row: &sea_orm::QueryResult, index| {
        row.try_get_by_index::<Option<String>>(index)
            .expect("text")
            .unwrap_or_default()
    };
    found
        .iter()
        .map(|row| std::array::from_fn(|index| column(row, index)))
        .collect()
}
