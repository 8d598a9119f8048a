//! What is stuck in an installation, and why: a look at what is active, at what waits, and at what the
//! program stands on. Reads only. A finding holds ids, codes and numbers, no name, no secret, no address.

mod connections;
mod queue;
mod runs;
mod schedules;
mod server;
mod upkeep;
mod webhooks;

use std::{sync::Arc, time::Duration};

use kernel::{Clock, IdSource, StoreError, Timestamp};
use operations::QueueSettings;
use uuid::Uuid;

use crate::{
    KeyRing,
    connect::{ConnectError, DatabaseUrl},
    database::Database,
    invariants::{self, InvariantOptions, InvariantReport},
    keys::KeyAdmin,
    schema::{self, SchemaError},
};

/// How many findings of one kind are listed.
const MOST: u32 = 100;

/// Whether somebody has to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Yes.
    Attention,
    /// No: it is as it should be, and explains what is seen.
    Note,
}

impl Severity {
    /// The stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::Note => "note",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The stable code.
    pub code: &'static str,
    /// Whether somebody has to do something.
    pub severity: Severity,
    /// The workspace, if it is about one.
    pub workspace_id: Option<Uuid>,
    /// The id of the run, connection, credential, webhook or schedule, or the name of a key; nothing if it is about the whole.
    pub subject: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What is so, and why.
    pub why: String,
    /// What to do.
    pub next_step: &'static str,
}

/// The numbers that say what is late.
#[derive(Debug, Clone, Copy)]
pub struct DoctorOptions {
    /// The numbers of the queue.
    pub queue: QueueSettings,
    /// How often processes sweep.
    pub sweep_every: Duration,
    /// For how long a run may wait although it may begin, before it is said that no worker is there.
    pub patience: Duration,
}

/// Looks at one database. Opens one whose schema or keys do not fit: that is when it is needed.
pub struct Doctor {
    database: Database,
    keys: KeyAdmin,
}

impl Doctor {
    /// Opens the database, which must exist.
    pub async fn open(
        url: &DatabaseUrl,
        ring: KeyRing,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, ConnectError> {
        let database = Database::connect(url, ring, clock, ids, false).await?;
        let keys = KeyAdmin::on(database.clone());
        Ok(Self { database, keys })
    }

    /// What is stuck, and why.
    ///
    /// # Errors
    /// The store's: nothing can be said of a database that does not answer.
    pub async fn examine(&self, options: &DoctorOptions) -> Result<Vec<Finding>, StoreError> {
        let mut findings = Vec::new();
        match schema::check(self.database.readers()).await {
            Ok(()) => {}
            Err(SchemaError::Store(error)) => return Err(error),
            Err(error) => {
                findings.push(Finding::of("schema_does_not_fit", Severity::Attention, error.to_string(),
                    "run `tenantatlas migrate` with the newest version of the program, and give all processes that version"));
                // Nothing else can be read in a schema that is not known.
                return Ok(findings);
            }
        }
        let database = &self.database;
        server::look(database, &mut findings).await?;
        if findings.iter().any(|finding| finding.code == "file_damaged") {
            // What could be read of it would be worth nothing.
            return Ok(findings);
        }
        upkeep::keys(&self.keys, &mut findings).await?;
        runs::look(database, options, &mut findings).await?;
        queue::look(database, options, &mut findings).await?;
        upkeep::events(database, &mut findings).await?;
        webhooks::look(database, options, &mut findings).await?;
        schedules::look(database, options, &mut findings).await?;
        upkeep::housekeeping(database, &mut findings).await?;
        connections::look(database, &mut findings).await?;
        Ok(findings)
    }

    /// Whether what was promised holds.
    ///
    /// # Errors
    /// The store's.
    pub async fn invariants(&self, options: &InvariantOptions) -> Result<InvariantReport, StoreError> {
        invariants::check(&self.database, options).await
    }

    /// Closes the connections.
    ///
    /// # Errors
    /// The store's.
    pub async fn close(self) -> Result<(), StoreError> {
        drop(self.keys);
        self.database.close().await
    }
}

impl Finding {
    fn of(code: &'static str, severity: Severity, why: String, next_step: &'static str) -> Self {
        Self {
            code,
            severity,
            workspace_id: None,
            subject: None,
            since: None,
            why,
            next_step,
        }
    }

    fn about(mut self, workspace: Uuid, subject: Uuid) -> Self {
        self.workspace_id = Some(workspace);
        self.subject = Some(subject.to_string());
        self
    }

    fn since(mut self, micros: i64) -> Self {
        self.since = Timestamp::from_timestamp_micros(micros);
        self
    }
}

/// Whole seconds of microseconds.
const fn seconds(micros: i64) -> i64 {
    micros / 1_000_000
}
