//! What a key protects.

use std::collections::BTreeMap;

use kernel::StoreError;
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, Query},
};
use uuid::Uuid;

use super::told;
use crate::{
    bounded::Tx,
    cipher::envelope::{self, KeyName},
    database::Context,
    entities::{credential, workspace_key},
    error::OrStoreError as _,
    scoped::installation_wide,
};

/// How many sealed records are held in memory at a time.
const CHUNK: u64 = 500;

/// How much a key protects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Data keys of workspaces that it wraps.
    pub data_keys: u64,
    /// Credentials that are sealed under those.
    pub credentials: u64,
    /// Those of the credentials that are marked undecryptable.
    pub undecryptable: u64,
}

impl Usage {
    /// Whether the key protects nothing.
    pub(super) const fn is_nothing(&self) -> bool {
        self.data_keys == 0 && self.credentials == 0
    }
}

/// What each key protects. Credentials whose bytes name no key at all stand under no name.
pub(super) async fn by_kid<C: ConnectionTrait>(
    db: &C,
) -> Result<BTreeMap<Option<String>, Usage>, StoreError> {
    use credential::Column as C;
    use workspace_key::Column as K;
    let mut found: BTreeMap<Option<String>, Usage> = BTreeMap::new();
    let data_keys = installation_wide::<workspace_key::Entity>()
        .select_only()
        .column(K::Kid)
        .column_as(K::Version.count(), "number")
        .group_by(K::Kid)
        .into_tuple::<(String, i64)>()
        .all(db)
        .await
        .or_store_error()?;
    for (kid, number) in data_keys {
        found.entry(Some(kid)).or_default().data_keys += number.unsigned_abs();
    }
    let credentials = installation_wide::<credential::Entity>()
        .select_only()
        .column(C::Kid)
        .column(C::Undecryptable)
        .column_as(C::Id.count(), "number")
        .filter(C::Kid.is_not_null())
        .group_by(C::Kid)
        .group_by(C::Undecryptable)
        .into_tuple::<(Option<String>, bool, i64)>()
        .all(db)
        .await
        .or_store_error()?;
    for (kid, undecryptable, number) in credentials {
        count(
            found.entry(kid).or_default(),
            undecryptable,
            number.unsigned_abs(),
        );
    }
    for row in unnamed(db, Condition::all()).await? {
        let usage = found.entry(row.name.map(|name| name.kid)).or_default();
        count(usage, row.undecryptable, 1);
    }
    Ok(found)
}

const fn count(usage: &mut Usage, undecryptable: bool, number: u64) {
    usage.credentials += number;
    if undecryptable {
        usage.undecryptable += number;
    }
}

/// A credential whose row does not say which key it needs, because it is older than the column.
pub(super) struct Unnamed {
    pub(super) workspace_id: Uuid,
    pub(super) id: Uuid,
    pub(super) undecryptable: bool,
    /// What the sealed bytes say; nothing if they are no record.
    pub(super) name: Option<KeyName>,
}

/// All of them within `condition`.
pub(super) async fn unnamed<C: ConnectionTrait>(
    db: &C,
    condition: Condition,
) -> Result<Vec<Unnamed>, StoreError> {
    use credential::Column as C;
    let mut found: Vec<Unnamed> = Vec::new();
    loop {
        let mut select = installation_wide::<credential::Entity>()
            .filter(
                Condition::any()
                    .add(C::Kid.is_null())
                    .add(C::DataKeyVersion.is_null()),
            )
            .filter(condition.clone());
        if let Some(last) = found.last() {
            let beyond = Condition::all()
                .add(C::WorkspaceId.eq(last.workspace_id))
                .add(C::Id.gt(last.id));
            select = select.filter(
                Condition::any()
                    .add(C::WorkspaceId.gt(last.workspace_id))
                    .add(beyond),
            );
        }
        let rows = select
            .order_by_asc(C::WorkspaceId)
            .order_by_asc(C::Id)
            .limit(CHUNK)
            .all(db)
            .await
            .or_store_error()?;
        let end = (rows.len() as u64) < CHUNK;
        found.extend(rows.into_iter().map(|row| Unnamed {
            workspace_id: row.workspace_id,
            id: row.id,
            undecryptable: row.undecryptable,
            name: envelope::key_name(&row.sealed).ok(),
        }));
        if end {
            return Ok(found);
        }
    }
}

/// Marks every credential under `kid` as undecryptable. Returns how many were not marked before.
pub(super) async fn mark_under(db: &Tx, context: &Context, kid: &str) -> Result<u64, StoreError> {
    use credential::Column as C;
    let under = Condition::any()
        .add(C::Kid.eq(kid))
        .add(C::Kid.is_null())
        .add(C::DataKeyVersion.is_null());
    let mut marked = 0;
    loop {
        let rows = installation_wide::<credential::Entity>()
            .filter(C::Undecryptable.eq(false))
            .filter(under.clone())
            .order_by_asc(C::WorkspaceId)
            .order_by_asc(C::Id)
            .all(db)
            .await
            .or_store_error()?;
        let before = marked;
        for row in rows {
            // Rows that are older than the column say in their bytes which key they need.
            let named = row.kid.clone().or_else(|| {
                let name = envelope::key_name(&row.sealed);
                name.ok().map(|name| name.kid)
            });
            if named.as_deref() != Some(kid) {
                continue;
            }
            let one = Query::update()
                .table(credential::Entity)
                .value(C::Undecryptable, true)
                .and_where(Expr::col(C::Undecryptable).eq(false))
                .and_where(Expr::col(C::WorkspaceId).eq(row.workspace_id))
                .and_where(Expr::col(C::Id).eq(row.id))
                .to_owned();
            if db.execute(&one).await.or_store_error()?.rows_affected() == 1 {
                told::undecryptable(db, context, &row).await?;
                marked += 1;
            }
        }
        // Whoever stored one under this key meanwhile is found by another look.
        if marked == before {
            return Ok(marked);
        }
    }
}
