//! The kinds of columns that every table is made of.

use sea_orm_migration::{
    SchemaManager,
    sea_orm::DbErr,
    sea_query::{
        ColumnDef, ForeignKey, ForeignKeyAction, ForeignKeyCreateStatement, Index, IndexCreateStatement,
        Table,
    },
};

/// A UUID that must be there.
pub(crate) fn id(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.uuid().not_null();
    column
}

/// A UUID that may be missing.
pub(crate) fn optional_id(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.uuid().null();
    column
}

/// Text that must be there.
pub(crate) fn text(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.text().not_null();
    column
}

/// Text that may be missing.
pub(crate) fn optional_text(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.text().null();
    column
}

/// A time or another 64-bit number that must be there.
pub(crate) fn number(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer().not_null();
    column
}

/// A time or another 64-bit number that may be missing.
pub(crate) fn optional_number(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.big_integer().null();
    column
}

/// Yes or no.
pub(crate) fn flag(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.boolean().not_null();
    column
}

/// Bytes.
pub(crate) fn bytes(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.blob().not_null();
    column
}

/// A JSON document.
pub(crate) fn json(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    column.json_binary().not_null();
    column
}

/// The key of a table of a workspace.
pub(crate) fn workspace_key() -> IndexCreateStatement {
    Index::create().col("workspace_id").col("id").primary().to_owned()
}

/// `table.workspace_id` must be a workspace.
pub(crate) fn of_workspace(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "workspace_id")
        .to("workspaces", "id")
        .on_delete(ForeignKeyAction::Restrict)
        .to_owned()
}

/// `table.(workspace_id, column)` must be a row of `target` in the same workspace.
pub(crate) fn within_workspace(
    table: &'static str,
    column: &'static str,
    target: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, ("workspace_id", column))
        .to(target, ("workspace_id", "id"))
        .on_delete(ForeignKeyAction::Restrict)
        .to_owned()
}

/// Drops `tables` in this order.
pub(crate) async fn drop_tables(manager: &SchemaManager<'_>, tables: &[&'static str]) -> Result<(), DbErr> {
    for table in tables {
        manager.drop_table(Table::drop().table(*table).to_owned()).await?;
    }
    Ok(())
}

/// The name under which a migration is recorded: that of its file.
pub(crate) fn file_name(path: &'static str) -> &'static str {
    let after_slash = path.rsplit(['/', '\\']).next().unwrap_or(path);
    after_slash.strip_suffix(".rs").unwrap_or(after_slash)
}

/// A migration that is named after its file.
macro_rules! named_after_file {
    ($migration:ty) => {
        impl sea_orm_migration::MigrationName for $migration {
            fn name(&self) -> &str {
                crate::columns::file_name(file!())
            }
        }
    };
}
pub(crate) use named_after_file;
