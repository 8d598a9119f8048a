//! Notifications: one word to whoever started a run, once the run is over. None while it waits or works, and
//! none for the system's own runs.

use async_trait::async_trait;
use kernel::{Page, PageRequest, StoreError, Timestamp};
use provider_core::RunId;
use tenancy::{AuditAction, EnvironmentId, PrincipalId, WorkspaceScope};

use crate::{NotificationId, OperationType, RunOutcome, RunTrigger};

/// A notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its id: that of the event which it follows from.
    pub id: NotificationId,
    /// The run that is over.
    pub run_id: RunId,
    /// What the run did.
    pub operation_type: OperationType,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Where.
    pub environment_id: Option<EnvironmentId>,
    /// The number of the event that it follows from.
    pub sequence: u64,
    /// When that happened.
    pub created_at: Timestamp,
    /// When its reader read it.
    pub read_at: Option<Timestamp>,
}

/// Whether whoever started a run is told of its end.
///
/// A start that is refused was answered with the refusal. The runs of a group are many, and the group itself
/// is one. Runs of a schedule come every day: only those that went wrong are worth a word.
pub fn is_told(action: AuditAction, trigger: RunTrigger, outcome: RunOutcome) -> bool {
    let went_wrong = match outcome {
        RunOutcome::Failed | RunOutcome::Blocked => true,
        RunOutcome::Succeeded | RunOutcome::PartiallySucceeded | RunOutcome::Canceled => false,
    };
    let answered = action == AuditAction::OperationBlocked;
    action.ends_a_run()
        && match trigger {
            RunTrigger::Api { .. } | RunTrigger::Bulk { parent: None } => !answered,
            RunTrigger::Schedule(_) => went_wrong,
            RunTrigger::Bulk { parent: Some(_) } | RunTrigger::Consent | RunTrigger::System => false,
        }
}

/// Reads of one reader's notifications. Nobody reads those of another.
#[async_trait]
pub trait NotificationLookup: Send + Sync {
    /// Those of `reader`, newest first; with `unread` those alone that are not read.
    async fn list(
        &self,
        scope: &WorkspaceScope,
        reader: PrincipalId,
        unread: bool,
        page: PageRequest,
    ) -> Result<Page<Notification>, StoreError>;

    /// How many of them are not read.
    async fn unread(&self, scope: &WorkspaceScope, reader: PrincipalId) -> Result<u64, StoreError>;

    /// One of them.
    async fn find(
        &self,
        scope: &WorkspaceScope,
        reader: PrincipalId,
        id: NotificationId,
    ) -> Result<Option<Notification>, StoreError>;
}

/// What a reader does with them. It is nobody else's business, so the journal does not hear of it.
#[async_trait]
pub trait NotificationRepository: NotificationLookup {
    /// Marks one as read at this moment, or as not read. What is read stays read since when it was.
    async fn mark(
        &mut self,
        scope: &WorkspaceScope,
        reader: PrincipalId,
        id: NotificationId,
        read_at: Option<Timestamp>,
    ) -> Result<(), StoreError>;

    /// Marks as read what is not, up to the event of this number. Tells how many that were.
    async fn mark_up_to(
        &mut self,
        scope: &WorkspaceScope,
        reader: PrincipalId,
        sequence: u64,
        at: Timestamp,
    ) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use kernel::{Id, SequentialIds};

    use super::*;

    #[test]
    fn one_word_for_whoever_waits_for_it() {
        let ids = SequentialIds::default();
        let api = RunTrigger::Api { retry_of: None };
        let group = RunTrigger::Bulk { parent: None };
        let child = RunTrigger::Bulk {
            parent: Some(Id::next(&ids)),
        };
        let schedule = RunTrigger::Schedule(Id::next(&ids));
        let (ended, blocked) = (AuditAction::OperationCompleted, AuditAction::OperationBlocked);
        for (action, trigger, outcome, told) in [
            (ended, api, RunOutcome::Succeeded, true),
            (ended, api, RunOutcome::Blocked, true),
            (AuditAction::OperationCanceled, api, RunOutcome::Canceled, true),
            (blocked, api, RunOutcome::Blocked, false),
            (AuditAction::OperationStarted, api, RunOutcome::Succeeded, false),
            (AuditAction::OperationAccepted, api, RunOutcome::Succeeded, false),
            (ended, group, RunOutcome::PartiallySucceeded, true),
            (ended, child, RunOutcome::Failed, false),
            (ended, schedule, RunOutcome::Succeeded, false),
            (ended, schedule, RunOutcome::Failed, true),
            (blocked, schedule, RunOutcome::Blocked, true),
            (ended, RunTrigger::Consent, RunOutcome::Failed, false),
            (ended, RunTrigger::System, RunOutcome::Failed, false),
        ] {
            assert_eq!(
                is_told(action, trigger, outcome),
                told,
                "{action:?} {trigger:?} {outcome:?}"
            );
        }
    }
}
