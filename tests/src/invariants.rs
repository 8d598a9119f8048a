//! The product's own look at its promises, for the end of any scenario.

use storage_sea_orm::invariants::{self, InvariantOptions, InvariantReport};

use crate::TestDatabase;

/// Looks at a database with small steps, so that every walk takes several.
pub async fn look(database: &TestDatabase) -> InvariantReport {
    let store = database.open().await;
    let options = InvariantOptions {
        batch: 7,
        ..InvariantOptions::default()
    };
    let report = invariants::check(&store, &options).await.expect("looks");
    store.close().await.expect("closes");
    report
}

/// The end of a scenario: whatever happened in it, nothing that was promised is broken.
pub async fn assert_invariants(database: &TestDatabase) {
    let report = look(database).await;
    assert!(report.checks > 0, "somebody looked");
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
}
