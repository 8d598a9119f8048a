//! The point behind the statements of a migration, before it is recorded. In builds for tests alone.

use sea_orm_migration::prelude::*;

struct Step(Box<dyn MigrationTrait>);

pub(crate) fn with_point(migration: Box<dyn MigrationTrait>) -> Box<dyn MigrationTrait> {
    Box::new(Step(migration))
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        self.0.use_transaction()
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.up(manager).await?;
        fail::fail_point!("migrate.after_step");
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.down(manager).await
    }
}
