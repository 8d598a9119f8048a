//! What changes of a schedule share. It is found before anything is said about the body; inside the unit of
//! work it is read again, and the caller's condition is held against that.

use actix_web::{HttpResponse, web::Data};
use kernel::Timestamp;
use operations::{Schedule, ScheduleId};
use provider_core::Written;
use storage::UnitOfWork;
use tenancy::{AuditAction, Change, WorkspaceScope};

use crate::{
    ApiState,
    answers::Representation,
    auth::{guard::Guard, permission::ManageSchedules},
    input::Conditions,
    journal::Author,
    problem::{Code, Problem},
    views::schedule::ScheduleView,
};

/// How often a schedule that changes under our hands is read again.
const ROUNDS: u32 = 4;

/// The schedule of a call that changes it.
pub(super) struct Subject {
    id: ScheduleId,
    /// What handlers work with.
    pub(super) state: Data<ApiState>,
    /// The workspace, and who acts in it.
    pub(super) scope: WorkspaceScope,
    author: Author,
    conditions: Conditions,
    /// Whether the change cannot be asked for without `If-Match`. Sent, it always counts.
    must_match: bool,
}

/// What a change makes of a schedule; nothing when it is so already.
pub(super) type Changed = Option<(Schedule, AuditAction, Vec<(&'static str, String)>)>;

impl Subject {
    /// The schedule in the path of a call.
    pub(super) fn of(
        guard: &Guard<ManageSchedules>,
        conditions: Conditions,
        must_match: bool,
    ) -> Result<Self, Problem> {
        Ok(Self {
            id: guard.id("schedule_id")?,
            state: guard.state.clone(),
            scope: guard.scope.clone(),
            author: guard.author(),
            conditions,
            must_match,
        })
    }

    /// A schedule that is not here is a 404 before anything is said about the body.
    pub(super) async fn exists(&self) -> Result<(), Problem> {
        let session = self.state.storage.read().await?;
        let found = session.schedules().find(&self.scope, self.id).await?;
        found.map(drop).ok_or_else(|| Problem::new(Code::NotFound))
    }

    /// The schedule as it stands in this unit of work, if it is the one that the caller means.
    async fn expected(&self, work: &mut dyn UnitOfWork) -> Result<Schedule, Problem> {
        let schedule = self.read(work).await?;
        let present = representation(&schedule)?;
        if self.must_match {
            self.conditions.require_match(present.tag())?;
        } else {
            self.conditions.honour_match(present.tag())?;
        }
        Ok(schedule)
    }

    async fn read(&self, work: &mut dyn UnitOfWork) -> Result<Schedule, Problem> {
        let found = work.schedules().find(&self.scope, self.id).await?;
        found.ok_or_else(|| Problem::new(Code::NotFound))
    }

    fn entry(&self, action: AuditAction, schedule: &Schedule, facts: &[(&str, String)]) -> Change {
        self.author.change(action, schedule.change_target(), facts)
    }

    /// Makes the change and answers with the schedule. Its turn may come between read and write: then it
    /// is read again.
    pub(super) async fn change(
        self,
        change: impl Fn(&Schedule, Timestamp) -> Result<Changed, Problem> + Send + Sync + 'static,
    ) -> Result<HttpResponse, Problem> {
        let state = self.state.clone();
        let schedule = state
            .transact(async move {
                let mut work = self.state.storage.begin().await?;
                for _ in 0..ROUNDS {
                    let before = self.expected(&mut *work).await?;
                    let now = self.state.clock.now();
                    let Some((mut after, action, facts)) = change(&before, now)? else {
                        return Ok(before);
                    };
                    after.updated_at = now;
                    let entry = self.entry(action, &after, &facts);
                    let written = work
                        .schedules()
                        .replace(&self.scope, &before, &after, &entry)
                        .await?;
                    match written {
                        Written::Done => {
                            let changed = self.read(&mut *work).await?;
                            work.commit().await?;
                            return Ok(changed);
                        }
                        Written::VersionMismatch => {}
                    }
                }
                Err(Problem::new(Code::TryAgain))
            })
            .await?;
        Ok(representation(&schedule)?.in_response(&mut HttpResponse::Ok()))
    }

    /// Deletes the schedule.
    pub(super) async fn delete(self) -> Result<HttpResponse, Problem> {
        let state = self.state.clone();
        state
            .transact(async move {
                let mut work = self.state.storage.begin().await?;
                for _ in 0..ROUNDS {
                    let schedule = self.expected(&mut *work).await?;
                    let entry = self.entry(AuditAction::ScheduleDeleted, &schedule, &[]);
                    let written = work.schedules().delete(&self.scope, &schedule, &entry).await?;
                    match written {
                        Written::Done => {
                            work.commit().await?;
                            return Ok(());
                        }
                        Written::VersionMismatch => {}
                    }
                }
                Err(Problem::new(Code::TryAgain))
            })
            .await?;
        Ok(HttpResponse::NoContent().finish())
    }
}

/// The schedule as it is shown, with its entity tag.
pub(super) fn representation(schedule: &Schedule) -> Result<Representation, Problem> {
    Representation::of(&schedule.id.to_string(), &ScheduleView::from(schedule.clone()))
}
