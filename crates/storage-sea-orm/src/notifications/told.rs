//! Tells whoever started a run of its end. Called in the transaction that numbers the events: a crash leaves
//! both or neither, and no event is numbered twice. That a run is told of once, even if its end came twice,
//! is the unique index's business.

use kernel::StoreError;
use operations::{RunOutcome, is_told};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, EntityTrait as _, QueryFilter as _,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use tenancy::{AuditAction, StreamEvent, WorkspaceId};
use uuid::Uuid;

use crate::{
    bounded::Tx,
    entities::{
        member,
        notification::{ActiveModel, Column, Entity},
        run,
    },
    error::OrStoreError as _,
    runs::rows,
    scoped::installation_wide,
    time::to_micros,
};

/// Writes what follows from `events`, which have just got their numbers in `workspace`.
pub(crate) async fn told(db: &Tx, workspace: WorkspaceId, events: &[StreamEvent]) -> Result<(), StoreError> {
    let ends: Vec<_> = events.iter().filter_map(end_of_run).collect();
    if ends.is_empty() {
        return Ok(());
    }
    // Whoever is no member any more is not told.
    let members = Query::select()
        .column(member::Column::PrincipalId)
        .from(member::Entity)
        .and_where(Expr::col(member::Column::WorkspaceId).eq(workspace.as_uuid()))
        .to_owned();
    let runs = installation_wide::<run::Entity>()
        .filter(run::Column::WorkspaceId.eq(workspace.as_uuid()))
        .filter(run::Column::Id.is_in(ends.iter().map(|(_, run, _)| *run)))
        .filter(run::Column::InitiatorPrincipalId.in_subquery(members))
        .all(db)
        .await
        .or_store_error()?;
    let notifications: Vec<_> = ends
        .iter()
        .filter_map(|(action, id, event)| {
            let run = runs.iter().find(|run| run.id == *id)?;
            notification(*action, run, event)
        })
        .collect();
    if notifications.is_empty() {
        return Ok(());
    }
    let once = OnConflict::columns([Column::WorkspaceId, Column::RunId])
        .do_nothing()
        .to_owned();
    Entity::insert_many(notifications)
        .on_conflict(once)
        .exec_without_returning(db)
        .await
        .or_store_error()?;
    Ok(())
}

fn end_of_run(event: &StreamEvent) -> Option<(AuditAction, Uuid, &StreamEvent)> {
    let action = AuditAction::parse(&event.kind).filter(|action| action.ends_a_run())?;
    let run = (event.subject_kind == "operation_run").then(|| event.subject_id.parse().ok())??;
    Some((action, run, event))
}

/// Nothing if nobody is told, or if the row says nothing that we understand: it must not hold up the stream.
fn notification(action: AuditAction, run: &run::Model, event: &StreamEvent) -> Option<ActiveModel> {
    let (trigger, outcome) = (rows::trigger(run).ok()?, RunOutcome::parse(&run.outcome)?);
    is_told(action, trigger, outcome).then_some(ActiveModel {
        workspace_id: Set(run.workspace_id),
        id: Set(event.id.as_uuid()),
        principal_id: Set(run.initiator_principal_id?),
        run_id: Set(run.id),
        operation_type: Set(run.operation_type.clone()),
        outcome: Set(run.outcome.clone()),
        environment_id: Set(run.environment_id),
        sequence: Set(i64::try_from(event.sequence).unwrap_or(i64::MAX)),
        created_at: Set(to_micros(event.occurred_at)),
        read_at: Set(None),
    })
}
