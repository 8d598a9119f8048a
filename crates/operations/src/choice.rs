//! From an environment to the connection that a start goes through there: the one that was named, or
//! the default one.

use kernel::StoreError;
use provider_core::{ConnectionId, ConnectionLookup, ProviderKey};
use tenancy::{EnvironmentId, WorkspaceScope};

use crate::ConnectionChoice;

/// The connection that a start in `environment` goes through, with what is known of it. Nothing when
/// the one that was named is not in the environment.
pub async fn choose(
    connections: &dyn ConnectionLookup,
    scope: &WorkspaceScope,
    environment: EnvironmentId,
    named: Option<ConnectionId>,
    provider: &ProviderKey,
) -> Result<Option<ConnectionChoice>, StoreError> {
    let chosen = match named {
        Some(id) => {
            let found = connections.find(scope, id).await?;
            match found.filter(|connection| connection.environment_id == environment) {
                Some(connection) => Ok(connection),
                None => return Ok(None),
            }
        }
        None => ConnectionChoice::from_defaults(connections.defaults(scope, environment, provider).await?),
    };
    Ok(Some(match chosen {
        Ok(connection) => {
            let requirements = connections.requirements(scope, connection.id).await?;
            ConnectionChoice::Use(Box::new(connection), requirements)
        }
        Err(reason) => ConnectionChoice::Unusable(reason),
    }))
}
