//! Everything that a database holds, as text: to see that nothing changed, and to search it.

use std::collections::BTreeMap;

use integration_tests::{Engine, TestDatabase};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use storage_sea_orm::Database;
use tenancy::EventPublisher as _;

/// The contents: rows by table, in a stable order. Values of a row stand in lines of their own;
/// bytes are in hexadecimal digits.
pub(crate) type Contents = BTreeMap<String, Vec<String>>;

/// A look around the product into all of its tables.
pub(crate) struct Tables {
    product: Database,
    raw: DatabaseConnection,
    engine: Engine,
    names: Vec<String>,
    /// Asks for the rows of all of them at once: hostile requests are many, and each is followed by a look.
    query: String,
}

impl Tables {
    /// All tables that there are, whatever their names.
    pub(crate) async fn of(database: &TestDatabase) -> Self {
        let mut tables = Self {
            product: database.open().await,
            raw: database.raw().await,
            engine: database.engine,
            names: Vec::new(),
            query: String::new(),
        };
        let names = match database.engine {
            Engine::Sqlite => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            }
            Engine::Postgres => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
        };
        let mut queries = Vec::new();
        for name in tables.texts(names).await {
            // How far the numbers of the events went, which the events show themselves.
            if name == "event_streams" {
                continue;
            }
            queries.push(tables.query(&name).await);
            tables.names.push(name);
        }
        assert!(queries.len() > 10, "the product has tables: {queries:?}");
        tables.query = queries.join(" UNION ALL ");
        tables
    }

    /// Reads everything, after every event has its number: otherwise a numbering that goes on beside
    /// a request would look like something that the request did.
    pub(crate) async fn contents(&self) -> Contents {
        let waiting = "SELECT CAST(count(*) AS TEXT) FROM outbox_events WHERE sequence IS NULL";
        while self.texts(waiting).await != ["0"] {
            // Somebody else may be at it: then this does nothing.
            self.product.publish().await.expect("numbers");
        }
        let nothing = self.names.iter().map(|name| (name.clone(), Vec::new()));
        let mut contents: Contents = nothing.collect();
        let statement = Statement::from_string(self.raw.get_database_backend(), &self.query);
        for row in self.raw.query_all_raw(statement).await.expect("runs") {
            let (name, values): (String, String) = (
                row.try_get_by_index(0).expect("a name"),
                row.try_get_by_index(1).expect("a text"),
            );
            contents.entry(name).or_default().push(values);
        }
        for rows in contents.values_mut() {
            rows.sort();
        }
        contents
    }

    pub(crate) async fn close(self) {
        self.product.close().await.expect("closes");
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
        format!("SELECT '{table}', {} FROM \"{table}\"", values.join(newline))
    }

    async fn texts(&self, query: &str) -> Vec<String> {
        let statement = Statement::from_string(self.raw.get_database_backend(), query);
        let rows = self.raw.query_all_raw(statement).await.expect("runs");
        rows.iter()
            .map(|row| row.try_get_by_index(0).expect("a text"))
            .collect()
    }
}
