//! What the suite works with: a store, workspaces in it, and short ways to the usual rows.

use chrono::TimeDelta;
use integration_tests::{Engine, TestDatabase};
use inventory::{ItemKind, ObservedItem};
use kernel::{Clock as _, Id, IdKind, SecretText, SystemClock, SystemIds, Timestamp};
use operations::{
    ClaimedRun, InsertedRun, OperationRun, OperationType, PerLane, QueueSettings, RunContext, RunPlace,
    RunQueue as _, RunTarget, RunTrigger, WorkerName, run::NewRun,
};
use provider_core::{
    ConnectionDraft, ConnectionType, CredentialKind, InsertedConnection, NewCredential, ProviderConnection,
    ProviderContext, ProviderKey, RunId, ScopeIdentifier, ScopeKind, Tags, TargetScope,
};
use serde_json::{Map, Value};
use storage::{ReadSession, Storage as _, UnitOfWork};
use storage_sea_orm::Database;
use tenancy::{
    AuditAction, Capability, Change, ChangeTarget, DisplayName, Environment, EnvironmentId,
    InsertedEnvironment, InsertedWorkspace, Member, Membership, Principal, PrincipalKey, Role, Slug,
    Workspace, WorkspaceId, WorkspaceScope,
};
use uuid::Uuid;

/// A store, and the database behind it.
pub(super) struct World {
    pub(super) database: TestDatabase,
    pub(super) store: Database,
    /// One moment for everything that a test makes.
    pub(super) now: Timestamp,
}

/// A workspace with an environment, seen by its owner.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) owner: Membership,
    pub(super) scope: WorkspaceScope,
    pub(super) environment: EnvironmentId,
}

impl World {
    pub(super) async fn new(database: TestDatabase) -> Self {
        let store = database.open().await;
        Self {
            database,
            store,
            now: SystemClock.now(),
        }
    }

    pub(super) async fn begin(&self) -> Box<dyn UnitOfWork> {
        self.store.begin().await.expect("begins")
    }

    pub(super) async fn read(&self) -> Box<dyn ReadSession> {
        self.store.read().await.expect("reads")
    }

    /// A workspace of somebody new.
    pub(super) async fn place(&self) -> Place {
        let place = self.bare_place().await;
        let environment = environment(&place, "production", self.now);
        let inserted = self.insert_environment(&place, &environment).await;
        assert_eq!(inserted, InsertedEnvironment::Inserted);
        Place {
            environment: environment.id,
            ..place
        }
    }

    /// A workspace with nothing in it. Its environment is one that is nowhere.
    pub(super) async fn bare_place(&self) -> Place {
        let workspace = self.workspace(&format!("w-{}", fresh::<Any>().as_uuid().simple()));
        let founder = self.member(&fresh::<Any>().to_string(), Role::Owner);
        let InsertedWorkspace::Inserted(owner) = self.insert_workspace(&workspace, founder).await else {
            panic!("the slug is new");
        };
        Place {
            scope: scope_of(&owner),
            owner,
            environment: fresh(),
        }
    }

    pub(super) fn workspace(&self, slug: &str) -> Workspace {
        let slug = Slug::new(slug).expect("a slug");
        Workspace {
            id: fresh(),
            display_name: name("A workspace"),
            slug,
            created_at: self.now,
        }
    }

    pub(super) async fn insert_workspace(&self, workspace: &Workspace, founder: Member) -> InsertedWorkspace {
        let owner = membership(workspace.id, founder);
        let change = self.change(&scope_of(&owner));
        let mut unit = self.begin().await;
        let inserted = unit
            .workspaces()
            .insert(workspace, &owner, &change)
            .await
            .expect("inserts");
        unit.commit().await.expect("commits");
        inserted
    }

    pub(super) fn member(&self, subject: &str, role: Role) -> Member {
        let key = PrincipalKey {
            issuer: "https://issuer.example".to_owned(),
            subject: subject.to_owned(),
        };
        let principal = Principal {
            id: fresh(),
            key,
            label: subject.to_owned(),
        };
        Member {
            id: fresh(),
            principal,
            role,
            created_at: self.now,
        }
    }

    /// Some journal entry of the scope.
    pub(super) fn change(&self, scope: &WorkspaceScope) -> Change {
        let target = ChangeTarget {
            kind: "thing",
            id: "1".to_owned(),
            label: "A thing".to_owned(),
        };
        Change::new(scope, AuditAction::WorkspaceCreated, target, self.now, &SystemIds)
    }

    /// A dedicated connection of the place to `target`.
    pub(super) fn connection(&self, place: &Place, target: &str) -> ProviderConnection {
        let draft = ConnectionDraft {
            workspace_id: place.scope.workspace_id(),
            environment_id: place.environment,
            id: fresh(),
            display_name: name("A connection"),
            tags: Tags::default(),
            connection_type: ConnectionType::Dedicated,
            target_scope: TargetScope::stored(
                ProviderKey::new("fake").expect("a key"),
                ScopeKind::Tenant,
                ScopeIdentifier::canonical(target.to_owned()),
                name("A target"),
            ),
            realm: "main".to_owned(),
            client_identifier: Some("client-1".to_owned()),
            created_at: self.now,
        };
        draft.connection()
    }

    pub(super) fn credential(&self, secret: &str) -> NewCredential {
        NewCredential {
            id: fresh(),
            kind: CredentialKind::ClientSecret,
            secret: SecretText::new(secret.to_owned()),
            fingerprint: None,
            expires_at: Some(self.now + TimeDelta::days(90)),
            created_at: self.now,
        }
    }

    pub(super) async fn insert_connection(
        &self,
        place: &Place,
        connection: &ProviderConnection,
        credential: Option<NewCredential>,
    ) -> InsertedConnection {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        let inserted = unit
            .connections()
            .insert(&place.scope, connection, credential, &change)
            .await;
        let inserted = inserted.expect("inserts");
        unit.commit().await.expect("commits");
        inserted
    }

    /// A connection to `target` with `secret`, as the store gives it back.
    pub(super) async fn connected(&self, place: &Place, target: &str, secret: &str) -> ProviderConnection {
        let connection = self.connection(place, target);
        let inserted = self
            .insert_connection(place, &connection, Some(self.credential(secret)))
            .await;
        assert!(matches!(inserted, InsertedConnection::Inserted { .. }));
        self.found(place, &connection).await
    }

    /// The connection as it stands now.
    pub(super) async fn found(&self, place: &Place, connection: &ProviderConnection) -> ProviderConnection {
        let found = self
            .read()
            .await
            .connections()
            .find(&place.scope, connection.id)
            .await;
        found.expect("reads").expect("is there")
    }

    /// A run that waits and holds `scope_key`.
    pub(super) fn run(
        &self,
        place: &Place,
        connection: &ProviderConnection,
        scope_key: &str,
    ) -> OperationRun {
        OperationRun::queued(self.new_run(place, connection, scope_key))
    }

    pub(super) fn new_run(&self, place: &Place, connection: &ProviderConnection, scope_key: &str) -> NewRun {
        NewRun {
            workspace_id: place.scope.workspace_id(),
            place: RunPlace::Environment {
                environment_id: place.environment,
                target: Some(RunTarget {
                    connection_id: connection.id,
                    scope_key: scope_key.to_owned(),
                }),
            },
            trigger: RunTrigger::Api { retry_of: None },
            id: fresh(),
            operation_type: OperationType::InventorySync,
            identity_hash: format!("hash of {scope_key}"),
            inputs: Map::new(),
            initiator: place.scope.actor().into(),
            context: RunContext::of(&connection.target_scope, ProviderContext::default()),
            created_at: self.now,
        }
    }

    pub(super) async fn insert_run(&self, place: &Place, run: &OperationRun) -> InsertedRun {
        let change = self.change(&place.scope);
        let mut unit = self.begin().await;
        let inserted = unit
            .runs()
            .insert(&place.scope, run, &change)
            .await
            .expect("inserts");
        unit.commit().await.expect("commits");
        inserted
    }

    /// A new run that waits, stored.
    pub(super) async fn queued(
        &self,
        place: &Place,
        connection: &ProviderConnection,
        scope_key: &str,
    ) -> OperationRun {
        let run = self.run(place, connection, scope_key);
        assert_eq!(self.insert_run(place, &run).await, InsertedRun::Inserted);
        run
    }

    /// The run as it stands now.
    pub(super) async fn run_now(&self, place: &Place, id: RunId) -> OperationRun {
        self.read()
            .await
            .runs()
            .find(&place.scope, id)
            .await
            .expect("reads")
            .expect("is there")
    }

    pub(super) async fn claim(&self, settings: &QueueSettings, limit: u32) -> Vec<ClaimedRun> {
        self.store
            .queue()
            .claim(&WorkerName::new("worker-1"), settings, PerLane::all(limit))
            .await
            .expect("claims")
    }

    /// The one run that can be claimed.
    pub(super) async fn claim_one(&self) -> ClaimedRun {
        let mut claimed = self.claim(&QueueSettings::default(), 10).await;
        assert_eq!(claimed.len(), 1, "one run waits");
        claimed.pop().expect("one")
    }

    /// Audit events and outbox events. They are always as many.
    pub(super) async fn journal_entries(&self) -> i64 {
        let audit = self.database.number("SELECT count(*) FROM audit_events").await;
        let outbox = self.database.number("SELECT count(*) FROM outbox_events").await;
        assert_eq!(audit, outbox, "each change has one of both");
        audit
    }

    /// Changes columns of one run behind the product's back.
    pub(super) async fn set_run(&self, id: RunId, columns: &str) {
        let sql = format!(
            "UPDATE operation_runs SET {columns} WHERE id = {}",
            self.uuid(id.as_uuid())
        );
        assert_eq!(self.database.tamper(&sql).await, 1, "{columns}");
    }

    /// The end of the run's lease has passed: what time does, without waiting for it.
    pub(super) async fn lose_lease(&self, id: RunId) {
        self.set_run(id, "lease_until = 1").await;
    }

    /// A UUID as the engine writes it.
    pub(super) fn uuid(&self, uuid: Uuid) -> String {
        match self.database.engine {
            Engine::Sqlite => format!("x'{}'", uuid.simple()),
            Engine::Postgres => format!("'{uuid}'::uuid"),
        }
    }
}

/// An id that nothing has yet.
pub(super) fn fresh<K: IdKind>() -> Id<K> {
    Id::next(&SystemIds)
}

/// For ids of nothing in particular.
pub(super) enum Any {}
impl IdKind for Any {
    const NAME: &'static str = "any";
}

pub(super) fn name(text: &str) -> DisplayName {
    DisplayName::new(text).expect("a name")
}

pub(super) fn environment(place: &Place, slug: &str, at: Timestamp) -> Environment {
    Environment {
        workspace_id: place.scope.workspace_id(),
        id: fresh(),
        display_name: name("An environment"),
        slug: Slug::new(slug).expect("a slug"),
        created_at: at,
    }
}

pub(super) fn item(external_id: &str, attribute: i32) -> ObservedItem {
    let attributes = [("number".to_owned(), Value::from(attribute))]
        .into_iter()
        .collect();
    let display_name = format!("Item {external_id}");
    ObservedItem {
        kind: ItemKind::Device,
        external_id: external_id.to_owned(),
        display_name,
        attributes,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the founder of a workspace, before there is a row to read"
)]
pub(super) fn membership(workspace: WorkspaceId, member: Member) -> Membership {
    Membership::from_row(workspace, member)
}

pub(super) fn scope_of(membership: &Membership) -> WorkspaceScope {
    WorkspaceScope::authorize(membership, Capability::WorkspaceView).expect("every role may look")
}
