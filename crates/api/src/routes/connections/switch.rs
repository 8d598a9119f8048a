//! Switching a connection on and off: what `enable` and `disable` share.

use async_trait::async_trait;
use provider_core::{ProviderConnection, Written};
use storage::UnitOfWork;
use tenancy::AuditAction;

use super::change::{ConnectionChange, Subject};
use crate::problem::Problem;

/// Where the switch shall stand.
pub(super) struct Switch {
    /// Whether operations may use the connection.
    pub(super) enabled: bool,
}

#[async_trait]
impl ConnectionChange for Switch {
    async fn apply(
        &self,
        subject: &Subject,
        work: &mut dyn UnitOfWork,
        connection: &ProviderConnection,
    ) -> Result<Written, Problem> {
        if connection.is_enabled == self.enabled {
            return Ok(Written::Done);
        }
        let action = if self.enabled {
            AuditAction::ConnectionEnabled
        } else {
            AuditAction::ConnectionDisabled
        };
        let facts = [("environment_id", connection.environment_id.to_string())];
        let change = subject.entry(action, connection, &facts);
        let mut connections = work.connections();
        Ok(connections
            .set_enabled(&subject.scope, connection, self.enabled, &change)
            .await?)
    }
}
