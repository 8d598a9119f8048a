//! Bugs that are put in on purpose, so that it is known that the harness finds them. Production
//! code has no switch for any of them: they are triggers and statements of the test database, or
//! mistakes of the driver, which stands where handlers and workers stand.

use super::{
    driver::Driver,
    history::{Heard, NAMED, V1, V3},
    invariants::V2,
    raw::Raw,
    steps::Step,
};
use crate::Engine;

/// Says that the reference model found it: an answer or a row was not what it had to be.
pub const REFERENCE: &str = "the reference model";

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// The gate does not ask the unique index.
    NoIndex,
    /// A start is answered, and its transaction is not committed.
    AnswerBeforeCommit,
    /// The end of a run is written whichever attempt brings it.
    NoFence,
    /// The sweep updates by id, so it revives what ended after it looked.
    SweepById,
    /// The sweep does not ask whether the lease runs.
    SweepWithoutLease,
    /// The journal is written beside the transaction, and at times it is not.
    JournalBeside,
    /// The outbox is written beside the transaction.
    OutboxBeside,
    /// An event is put into the outbox twice.
    OutboxTwice,
    /// A claim does not count up the attempt.
    ClaimKeepsAttempt,
    /// A cancel ends a running run at once, and frees its scope under the worker's hands.
    CancelFreesAtOnce,
    /// Handing a run back forgets that somebody asked for its end.
    HandBackForgetsCancel,
    /// A late worker overwrites the outcome, without a word in the journal.
    LateOutcome,
    /// The gate names a run that is long over as the holder.
    StaleHolder,
    /// A repeated start is told that its run is new.
    DedupeSaysAccepted,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NoIndex,
        Self::AnswerBeforeCommit,
        Self::NoFence,
        Self::SweepById,
        Self::SweepWithoutLease,
        Self::JournalBeside,
        Self::OutboxBeside,
        Self::OutboxTwice,
        Self::ClaimKeepsAttempt,
        Self::CancelFreesAtOnce,
        Self::HandBackForgetsCancel,
        Self::LateOutcome,
        Self::StaleHolder,
        Self::DedupeSaysAccepted,
    ];

    /// What must find it. The reference model finds most of the others too; where it stands here,
    /// nothing that is left in the rows shows the bug.
    pub const fn found_by(self) -> &'static [&'static str] {
        match self {
            Self::NoIndex => &[V2, "scope_held_at_the_same_time"],
            Self::AnswerBeforeCommit => &[V1],
            Self::NoFence => &["many_ends", "last_attempt_elsewhere"],
            Self::SweepById => &["many_ends", "end_while_active"],
            Self::JournalBeside | Self::OutboxTwice => &["event_without_audit"],
            Self::OutboxBeside => &["audit_without_event"],
            Self::ClaimKeepsAttempt => &["attempts_with_gaps", "last_attempt_elsewhere"],
            Self::CancelFreesAtOnce => &["canceled_at_work"],
            Self::SweepWithoutLease | Self::HandBackForgetsCancel | Self::LateOutcome => &[REFERENCE],
            Self::StaleHolder => &[NAMED],
            Self::DedupeSaysAccepted => &[V3],
        }
    }

    /// Puts in what lives in the database.
    pub async fn plant(self, raw: &Raw) {
        for sql in self.statements(raw.engine()) {
            raw.change(&sql).await;
        }
    }

    fn statements(self, engine: Engine) -> Vec<String> {
        match self {
            Self::NoIndex => vec!["DROP INDEX operation_runs_active_scope_unique".to_owned()],
            Self::JournalBeside => after_insert(engine, "audit_events", "DELETE FROM audit_events WHERE id = NEW.id"),
            Self::OutboxBeside => after_insert(engine, "outbox_events", "DELETE FROM outbox_events WHERE id = NEW.id"),
            Self::OutboxTwice => {
                let id = match engine {
                    Engine::Sqlite => "randomblob(16)",
                    Engine::Postgres => "gen_random_uuid()",
                };
                let again = format!(
                    "INSERT INTO outbox_events (workspace_id, id, kind, subject_kind, subject_id, payload, created_at)
                    VALUES (NEW.workspace_id, {id}, NEW.kind, NEW.subject_kind, NEW.subject_id, NEW.payload, NEW.created_at)"
                );
                after_insert(engine, "outbox_events", &again)
            }
            Self::ClaimKeepsAttempt => match engine {
                Engine::Sqlite => vec![
                    "CREATE TRIGGER seeded AFTER UPDATE OF attempt ON operation_runs
                    WHEN NEW.attempt > OLD.attempt AND OLD.attempt > 0
                    BEGIN UPDATE operation_runs SET attempt = OLD.attempt WHERE id = NEW.id; END"
                        .to_owned(),
                ],
                Engine::Postgres => vec![
                    "CREATE FUNCTION seeded() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF OLD.attempt > 0 THEN NEW.attempt := OLD.attempt; END IF; RETURN NEW; END $$"
                        .to_owned(),
                    "CREATE TRIGGER seeded BEFORE UPDATE ON operation_runs FOR EACH ROW EXECUTE FUNCTION seeded()"
                        .to_owned(),
                ],
            },
            Self::AnswerBeforeCommit
            | Self::NoFence
            | Self::SweepById
            | Self::SweepWithoutLease
            | Self::CancelFreesAtOnce
            | Self::HandBackForgetsCancel
            | Self::LateOutcome
            | Self::StaleHolder
            | Self::DedupeSaysAccepted => Vec::new(),
        }
    }

    /// A statement that does, right before a step, what the buggy statement of the step would do.
    pub(super) fn before(self, step: Step, driver: &Driver) -> Option<String> {
        match (self, step) {
            (Self::NoFence, Step::Finish { claim }) => {
                let (id, attempt) = driver.taken(claim)?;
                Some(format!(
                    "UPDATE operation_runs SET status = 'running', outcome = 'pending', completed_at = NULL,
                    attempt = {attempt}, lease_owner = 'late', lease_until = 1 WHERE id = {id}
                    AND NOT EXISTS (SELECT 1 FROM operation_runs o WHERE o.workspace_id = operation_runs.workspace_id
                        AND o.scope_key = operation_runs.scope_key AND o.id <> operation_runs.id AND o.status <> 'completed')"
                ))
            }
            (Self::SweepById, Step::Sweep) => Some(format!(
                "UPDATE operation_runs SET status = 'queued', outcome = 'pending', completed_at = NULL
                WHERE status = 'completed' AND attempt > 0 AND id IN ({ids}) AND NOT EXISTS (
                    SELECT 1 FROM operation_runs o WHERE o.workspace_id = operation_runs.workspace_id
                    AND o.scope_key = operation_runs.scope_key AND o.id > operation_runs.id)",
                ids = driver.ids()?
            )),
            (Self::SweepWithoutLease, Step::Sweep) => Some(format!(
                "UPDATE operation_runs SET lease_until = 1 WHERE status = 'running' AND id IN ({})",
                driver.ids()?
            )),
            (Self::HandBackForgetsCancel, Step::HandBack { claim, .. }) => {
                let (id, _) = driver.taken(claim)?;
                Some(format!(
                    "UPDATE operation_runs SET cancel_requested_at = NULL WHERE id = {id}"
                ))
            }
            (Self::LateOutcome, Step::Finish { claim }) => {
                let (id, _) = driver.taken(claim)?;
                Some(format!(
                    "UPDATE operation_runs SET outcome = 'succeeded' WHERE id = {id} AND status = 'completed'"
                ))
            }
            _ => None,
        }
    }

    /// What a caller hears in place of what it should hear. `oldest` is the first run of the sequence.
    pub(super) fn answer(self, heard: Heard, oldest: Option<String>) -> Heard {
        match (self, heard, oldest) {
            (Self::StaleHolder, Heard::ScopeBusy(_), Some(oldest)) => Heard::ScopeBusy(oldest),
            (Self::DedupeSaysAccepted, Heard::Deduplicated(run), _) => Heard::Accepted(run),
            (_, heard, _) => heard,
        }
    }
}

/// A trigger that does `what` after one insert of five.
fn after_insert(engine: Engine, table: &str, what: &str) -> Vec<String> {
    match engine {
        Engine::Sqlite => vec![format!(
            "CREATE TRIGGER seeded AFTER INSERT ON {table} WHEN abs(random()) % 5 = 0 BEGIN {what}; END"
        )],
        Engine::Postgres => vec![
            format!(
                "CREATE FUNCTION seeded() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF random() < 0.2 AND pg_trigger_depth() = 1 THEN {what}; END IF; RETURN NEW; END $$"
            ),
            format!("CREATE TRIGGER seeded AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION seeded()"),
        ],
    }
}
