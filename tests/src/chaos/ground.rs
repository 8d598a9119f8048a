//! Where sequences of steps take place: workspaces with connections, of which nothing is active
//! when a sequence begins.

use std::sync::Arc;

use provider_core::ProviderConnection;

use super::{
    raw::Raw,
    reference::Rules,
    world::{self, Place, Ports},
};

/// Workspaces, and the connections on which operations can be started. Sequences take turns on it.
#[derive(Clone)]
pub struct Ground(pub(super) Arc<Vec<(Place, ProviderConnection)>>);

impl Ground {
    /// As `rules` want it.
    pub async fn new(ports: &Ports, rules: Rules) -> Self {
        let storage = ports.storage.as_ref();
        let places = [world::place(storage).await, world::place(storage).await];
        let mut scopes = Vec::new();
        for workspace in rules.workspace_of {
            let place = places[*workspace].clone();
            let connection = world::connection(storage, &place).await;
            scopes.push((place, connection));
        }
        Self(Arc::new(scopes))
    }

    /// SQL for the workspaces. Runs are looked up by workspace and id: by id alone everything that earlier
    /// sequences left would be read.
    pub(super) fn workspaces(&self, raw: &Raw) -> String {
        let places = self.0.iter();
        let ids: Vec<_> = places
            .map(|(place, _)| raw.uuid(place.scope.workspace_id().as_uuid()))
            .collect();
        ids.join(", ")
    }
}
