//! The common check Z: a refusal says what the catalogue says, changes the rows that it may change
//! and no other, and nobody calls the provider for it.

use std::collections::BTreeMap;

use integration_tests::TestApp;

use crate::{
    tables::{Contents, Tables},
    wire::{Reply, Request, Wire},
};

/// Rows that are gone and rows that are new, by table; a changed row is both.
type Changes = BTreeMap<String, (usize, usize)>;

/// What a rejected callback writes down beside the link that it uses up.
pub(super) const JOURNAL: [(&str, usize, usize); 2] = [("audit_events", 0, 1), ("outbox_events", 0, 1)];

/// A rejection that uses the link up.
pub(super) const REJECTED: [(&str, usize, usize); 3] = [
    ("audit_events", 0, 1),
    ("consent_links", 1, 1),
    ("outbox_events", 0, 1),
];

/// Everything as it was at some moment.
pub(super) struct Quiet<'a> {
    app: &'a TestApp,
    tables: &'a Tables,
    before: Contents,
    calls: usize,
}

impl<'a> Quiet<'a> {
    pub(super) async fn begin(app: &'a TestApp, tables: &'a Tables) -> Self {
        Self {
            app,
            tables,
            before: tables.contents().await,
            calls: calls(app),
        }
    }

    /// Nothing was changed but these tables, by so many rows, and nobody called the provider.
    pub(super) async fn only(&self, allowed: &[(&str, usize, usize)], what: &str) {
        let now = self.tables.contents().await;
        let expected: Changes = allowed
            .iter()
            .map(|(table, gone, new)| ((*table).to_owned(), (*gone, *new)))
            .collect();
        assert_eq!(changes(&self.before, &now), expected, "{what}");
        assert_eq!(calls(self.app), self.calls, "{what}: nobody called the provider");
    }

    /// The whole check for a refused callback. `canaries` are what was sent.
    pub(super) async fn refused(
        &self,
        reply: &Reply,
        (status, code): (u16, &str),
        allowed: &[(&str, usize, usize)],
        canaries: &[&str],
        what: &str,
    ) {
        is_problem(reply, status, code, what);
        for canary in canaries {
            assert!(!canary.is_empty(), "{what}: an empty canary proves nothing");
            assert!(!reply.text().contains(canary), "{what}: it repeats what was sent");
        }
        self.only(allowed, what).await;
        let ready = Wire::to(&self.app.base_url).send(&Request::get("/readyz")).await;
        assert_eq!(ready.status, 200, "{what}: {}", ready.text());
    }
}

/// The answer is this problem and names all that problems name.
pub(super) fn is_problem(reply: &Reply, status: u16, code: &str, what: &str) {
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (status, code),
        "{what}: {}",
        reply.text()
    );
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{what}"
    );
    let body = reply.json();
    assert_eq!(body["status"], status, "{what}");
    for member in ["type", "title", "instance", "detail"] {
        let text = body[member].as_str().unwrap_or_default();
        assert!(!text.is_empty(), "{what} has no {member}: {body}");
    }
}

fn calls(app: &TestApp) -> usize {
    app.simulator.as_ref().expect("runs").control().calls().len()
}

fn changes(before: &Contents, now: &Contents) -> Changes {
    let minus = |some: &[String], others: &[String]| {
        let mut left = others.to_vec();
        some.iter()
            .filter(|row| match left.iter().position(|other| other == *row) {
                Some(at) => {
                    left.swap_remove(at);
                    false
                }
                None => true,
            })
            .count()
    };
    let mut changes = Changes::new();
    for (table, rows) in now {
        let old = &before[table];
        let change = (minus(old, rows), minus(rows, old));
        if change != (0, 0) {
            changes.insert(table.clone(), change);
        }
    }
    changes
}
