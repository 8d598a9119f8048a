//! The only finders. Each begins with the workspace of the scope, so a query that forgets it
//! cannot be written; `clippy.toml` bans the others.

use kernel::{PageRequest, Position};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Order, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
};
use tenancy::WorkspaceScope;
use uuid::Uuid;

use crate::{entities, time::to_micros};

/// A table of a workspace.
pub(crate) trait WorkspaceTable: EntityTrait {
    /// The workspace of a row.
    const WORKSPACE: Self::Column;
    /// The id of a row.
    const ID: Self::Column;
}

macro_rules! workspace_tables {
    ($($module:ident),* $(,)?) => {$(
        impl WorkspaceTable for entities::$module::Entity {
            const WORKSPACE: Self::Column = entities::$module::Column::WorkspaceId;
            const ID: Self::Column = entities::$module::Column::Id;
        }
    )*};
}

workspace_tables!(
    audit_event,
    call_attempt,
    connection,
    connection_history,
    consent_link,
    credential,
    environment,
    item,
    member,
    notification,
    outbox_event,
    run,
    schedule,
    snapshot,
    webhook,
    webhook_delivery,
    webhook_secret,
);

/// The rows of the scope's workspace.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that begins with everything, to narrow it at once"
)]
pub(crate) fn scoped<E: WorkspaceTable>(scope: &WorkspaceScope) -> Select<E> {
    E::find().filter(E::WORKSPACE.eq(scope.workspace_id().as_uuid()))
}

/// The row of the scope's workspace with this id.
pub(crate) fn scoped_by_id<E: WorkspaceTable>(scope: &WorkspaceScope, id: Uuid) -> Select<E> {
    scoped::<E>(scope).filter(E::ID.eq(id))
}

/// Rows that belong to no workspace, or that decide about scopes and therefore come before one.
#[expect(
    clippy::disallowed_methods,
    reason = "for tables without a workspace; each use is reviewed"
)]
pub(crate) fn installation_wide<E: EntityTrait>() -> Select<E> {
    E::find()
}

/// Narrows a list to a page, sorted by `time` and the id, and asks for one row more than fits.
pub(crate) fn page<E: WorkspaceTable>(
    select: Select<E>,
    request: PageRequest,
    time: E::Column,
    order: Order,
) -> Select<E> {
    keyset(select, request, time, E::ID, order)
}

/// The same for a table that names its own id column.
pub(crate) fn keyset<E: EntityTrait>(
    select: Select<E>,
    request: PageRequest,
    time: E::Column,
    id: E::Column,
    order: Order,
) -> Select<E> {
    let newest_first = matches!(order, Order::Desc);
    let select = match request.after {
        None => select,
        Some(Position { at, id: last }) => {
            let at = to_micros(at);
            // An index begins to be read where the first condition says; the second alone would begin at its
            // end, and pass everything that earlier pages showed.
            let (from, beyond, next) = if newest_first {
                (time.lte(at), time.lt(at), id.lt(last))
            } else {
                (time.gte(at), time.gt(at), id.gt(last))
            };
            select.filter(from).filter(
                Condition::any()
                    .add(beyond)
                    .add(Condition::all().add(time.eq(at)).add(next)),
            )
        }
    };
    select
        .order_by(time, order.clone())
        .order_by(id, order)
        .limit(request.limit.with_lookahead())
}
