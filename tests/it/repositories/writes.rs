//! Short ways to the writes of the port: each in a transaction of its own, committed.

use std::time::Duration;

use inventory::{ObservedItem, UpsertCounts};
use kernel::{StoreError, Timestamp};
use operations::{
    Completion, Fence, HandBack, OperationRun, QueueSettings, RunLease, RunQueue as _, SweepReport,
};
use provider_core::{
    ConnectionId, CredentialVault as _, NewCredential, Observation, ProviderConnection, Recorded,
    ResumePoint, RunId, StoredCredential,
};
use tenancy::{AddedMember, Environment, InsertedEnvironment, Member};

use super::world::{Place, World};

impl World {
    pub(super) async fn insert_environment(
        &self,
        place: &Place,
        environment: &Environment,
    ) -> InsertedEnvironment {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        let inserted = unit
            .environments()
            .insert(&place.scope, environment, &change)
            .await;
        unit.commit().await.expect("commits");
        inserted.expect("answers")
    }

    pub(super) async fn add_member(&self, place: &Place, member: &Member) -> AddedMember {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        let added = unit.members().add(&place.scope, member, &change).await;
        unit.commit().await.expect("commits");
        added.expect("answers")
    }

    pub(super) async fn put_credential(
        &self,
        place: &Place,
        connection: &ProviderConnection,
        credential: NewCredential,
    ) -> StoredCredential {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        let mut connections = unit.connections();
        let stored = connections
            .put_credential(&place.scope, connection, credential, &change)
            .await;
        drop(connections);
        unit.commit().await.expect("commits");
        stored.expect("answers")
    }

    pub(super) async fn observe(
        &self,
        place: &Place,
        id: ConnectionId,
        observation: &Observation,
    ) -> Result<Recorded, StoreError> {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        let recorded = unit
            .connections()
            .record_observation(&place.scope, id, observation, &change)
            .await?;
        unit.commit().await?;
        Ok(recorded)
    }

    pub(super) async fn insert_blocked(&self, place: &Place, run: &OperationRun) {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        unit.runs()
            .insert_blocked(&place.scope, run, &change)
            .await
            .expect("inserts");
        unit.commit().await.expect("commits");
    }

    pub(super) async fn end_queued(&self, place: &Place, id: RunId, end: &Completion) -> bool {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        let ended = unit.runs().end_queued(&place.scope, id, end, &change).await;
        unit.commit().await.expect("commits");
        ended.expect("answers")
    }

    pub(super) async fn request_cancel(&self, place: &Place, id: RunId) -> bool {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        let asked = unit.runs().request_cancel(&place.scope, id, &change).await;
        unit.commit().await.expect("commits");
        asked.expect("answers")
    }

    pub(super) async fn confirm(&self, lease: &RunLease) -> Fence {
        let mut unit = self.begin().await;
        let confirmed = unit.attempts().confirm(lease).await;
        unit.commit().await.expect("commits");
        confirmed.expect("answers")
    }

    pub(super) async fn end_active(&self, place: &Place, id: RunId, end: &Completion) -> bool {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        let ended = unit.runs().end_active(&place.scope, id, end, &change).await;
        unit.commit().await.expect("commits");
        ended.expect("answers")
    }

    pub(super) async fn save_point(&self, lease: &RunLease, text: &str) -> Fence {
        let point = ResumePoint {
            text: text.to_owned(),
            written_at: self.now,
        };
        let mut unit = self.begin().await;
        let saved = unit.attempts().save_point(lease, &point).await;
        unit.commit().await.expect("commits");
        saved.expect("answers")
    }

    /// The text of a run's point.
    pub(super) async fn point_now(&self, place: &Place, id: RunId) -> Option<String> {
        let point = self.store.vault().resume_point(&place.scope, id).await;
        point.expect("reads").map(|point| point.text)
    }

    pub(super) async fn finish(&self, place: &Place, lease: &RunLease, end: &Completion) -> Fence {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        let finished = unit.attempts().finish(&place.scope, lease, end, &change).await;
        unit.commit().await.expect("commits");
        finished.expect("answers")
    }

    pub(super) async fn hand_back(&self, place: &Place, lease: &RunLease, delay: Duration) -> HandBack {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        let handed_back = unit
            .attempts()
            .hand_back(&place.scope, lease, (delay, None), &change)
            .await;
        unit.commit().await.expect("commits");
        handed_back.expect("answers")
    }

    pub(super) async fn sweep(&self) -> SweepReport {
        self.store
            .queue()
            .sweep(&QueueSettings::default())
            .await
            .expect("sweeps")
    }

    pub(super) async fn upsert(
        &self,
        place: &Place,
        connection: ConnectionId,
        (run, at): (RunId, Timestamp),
        items: &[ObservedItem],
    ) -> Result<UpsertCounts, StoreError> {
        let mut unit = self.begin().await;
        unit.inventory()
            .upsert(&place.scope, connection, run, at, items)
            .await?;
        let counts = unit
            .inventory()
            .counts_of_run(&place.scope, connection, run)
            .await?;
        unit.commit().await.map(|()| counts)
    }
}
