//! Everything that a database holds, as text: to see that nothing changed, and to search it.

use std::collections::BTreeMap;

use integration_tests::{Engine, TestDatabase};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};

/// The contents: rows by table, in a stable order. Values of a row stand in lines of their own;
/// bytes are in hexadecimal digits.
pub(crate) type Contents = BTreeMap<String, Vec<String>>;

/// A look around the product into all of its tables.
pub(crate) struct Tables {
    raw: DatabaseConnection,
    engine: Engine,
    queries: Vec<(String, String)>,
}

impl Tables {
    /// All tables that there are, whatever their names.
    pub(crate) async fn of(database: &TestDatabase) -> Self {
        let mut tables = Self {
            raw: database.raw().await,
            engine: database.engine,
            queries: Vec::new(),
        };
        let names = match database.engine {
            Engine::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            }
            Engine::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
        };
        for name in tables.texts(names).await {
            let query = tables.query(&name).await;
            tables.queries.push((name, query));
        }
        assert!(
            tables.queries.len() > 10,
            "the product has tables: {:?}",
            tables.queries
        );
        tables
    }

    /// Reads everything.
    pub(crate) async fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        for (name, query) in &self.queries {
            let mut rows = self.texts(query).await;
            rows.sort();
            contents.insert(name.clone(), rows);
        }
        contents
    }

    pub(crate) async fn close(self) {
        self.raw.close().await.expect("closes");
    }

    async fn query(&self, table: &str) -> String {
        let columns = match self.engine {
            Engine::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
            Engine::Postgres => format!(
                "SELECT column_name::text FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY ordinal_position"
            ),
        };
        let one = |column: &String| match self.engine {
            Engine::Sqlite => format!(
                "coalesce(CASE typeof(\"{column}\") WHEN 'blob' THEN hex(\"{column}\") \
                 ELSE CAST(\"{column}\" AS TEXT) END, '-')"
            ),
            Engine::Postgres => format!("coalesce(\"{column}\"::text, '-')"),
        };
        let newline = match self.engine {
            Engine::Sqlite => " || char(10) || ",
            Engine::Postgres => " || chr(10) || ",
        };
        let values: Vec<_> = self.texts(&columns).await.iter().map(one).collect();
        format!("SELECT {} FROM \"{table}\"", values.join(newline))
    }

    async fn texts(&self, query: &str) -> Vec<String> {
        let statement = Statement::from_string(self.raw.get_database_backend(), query);
        let rows = self.raw.query_all_raw(statement).await.expect("runs");
        rows.iter()
            .map(|row| row.try_get_by_index(0).expect("a text"))
            .collect()
    }
}
