//! Workspaces with connections, made through the storage port: the ground on which steps are
//! taken below the API.

use std::sync::Arc;

use chrono::TimeDelta;
use kernel::{Clock as _, Id, IdSource as _, SecretText, SystemClock, SystemIds, Timestamp};
use operations::RunQueue;
use provider_core::{
    ConnectionDraft, ConnectionType, CredentialKind, InsertedConnection, NewCredential, ProviderConnection,
    ProviderKey, ScopeIdentifier, ScopeKind, Tags, TargetScope, testing::FakeProvider,
};
use storage::Storage;
use storage_sea_orm::Database;
use tenancy::{
    AuditAction, Capability, Change, ChangeTarget, DisplayName, Environment, InsertedWorkspace, Member,
    Membership, Principal, PrincipalKey, Role, Slug, Workspace, WorkspaceScope,
};

/// What steps are taken through. A seeded bug stands in place of one of them.
#[derive(Clone)]
pub struct Ports {
    /// Units of work.
    pub storage: Arc<dyn Storage>,
    /// The worker's side.
    pub queue: Arc<dyn RunQueue>,
}

impl Ports {
    /// The product's own.
    pub fn of(database: &Database) -> Self {
        Self {
            storage: Arc::new(database.clone()),
            queue: Arc::new(database.queue()),
        }
    }
}

/// A workspace with an environment, as its owner sees it.
#[derive(Clone)]
pub struct Place {
    /// What its owner may touch.
    pub scope: WorkspaceScope,
    /// Where its connections are.
    pub environment: tenancy::EnvironmentId,
}

/// Makes a workspace of somebody new.
pub async fn place(storage: &dyn Storage) -> Place {
    let now = SystemClock.now();
    let unique = SystemIds.next_uuid().simple().to_string();
    let workspace = Workspace {
        id: Id::next(&SystemIds),
        display_name: name("A workspace"),
        slug: Slug::new(&format!("w-{unique}")).expect("a slug"),
        created_at: now,
    };
    let principal = Principal {
        id: Id::next(&SystemIds),
        key: PrincipalKey {
            issuer: "https://issuer.example".to_owned(),
            subject: unique.clone(),
        },
        label: unique,
    };
    let founder = Member {
        id: Id::next(&SystemIds),
        principal,
        role: Role::Owner,
        created_at: now,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the founder, before there is a row to read"
    )]
    let founder = Membership::from_row(workspace.id, founder);
    let scope = WorkspaceScope::authorize(&founder, Capability::WorkspaceView).expect("an owner may look");
    let environment = Environment {
        workspace_id: workspace.id,
        id: Id::next(&SystemIds),
        display_name: name("An environment"),
        slug: Slug::new("production").expect("a slug"),
        created_at: now,
    };
    let mut unit = storage.begin().await.expect("begins");
    let change = something(&scope, now);
    let inserted = unit.workspaces().insert(&workspace, &founder, &change).await;
    assert!(matches!(
        inserted.expect("inserts"),
        InsertedWorkspace::Inserted(_)
    ));
    let change = something(&scope, now);
    unit.environments()
        .insert(&scope, &environment, &change)
        .await
        .expect("inserts");
    unit.commit().await.expect("commits");
    Place {
        scope,
        environment: environment.id,
    }
}

/// Makes a connection of `place` to a target of its own, that can be started on.
pub async fn connection(storage: &dyn Storage, place: &Place) -> ProviderConnection {
    let now = SystemClock.now();
    let target = format!("site-{}", SystemIds.next_uuid().simple());
    let draft = ConnectionDraft {
        workspace_id: place.scope.workspace_id(),
        environment_id: place.environment,
        id: Id::next(&SystemIds),
        display_name: name("A connection"),
        tags: Tags::default(),
        connection_type: ConnectionType::Dedicated,
        target_scope: TargetScope::stored(
            ProviderKey::new("fake").expect("a key"),
            ScopeKind::Tenant,
            ScopeIdentifier::canonical(target),
            name("A target"),
        ),
        realm: FakeProvider::REALM.to_owned(),
        client_identifier: Some("client-1".to_owned()),
        created_at: now,
    };
    let credential = NewCredential {
        id: Id::next(&SystemIds),
        kind: CredentialKind::ClientSecret,
        secret: SecretText::new(FakeProvider::SECRET.to_owned()),
        fingerprint: None,
        expires_at: Some(now + TimeDelta::days(90)),
        created_at: now,
    };
    let connection = draft.connection();
    let mut unit = storage.begin().await.expect("begins");
    let inserted = unit
        .connections()
        .insert(
            &place.scope,
            &connection,
            Some(credential),
            &something(&place.scope, now),
        )
        .await;
    assert!(matches!(
        inserted.expect("inserts"),
        InsertedConnection::Inserted { .. }
    ));
    unit.commit().await.expect("commits");
    let session = storage.read().await.expect("reads");
    let found = session.connections().find(&place.scope, connection.id).await;
    found.expect("reads").expect("is there")
}

fn something(scope: &WorkspaceScope, now: Timestamp) -> Change {
    let target = ChangeTarget {
        kind: "thing",
        id: "1".to_owned(),
        label: "A thing".to_owned(),
    };
    Change::new(scope, AuditAction::WorkspaceCreated, target, now, &SystemIds)
}

fn name(text: &str) -> DisplayName {
    DisplayName::new(text).expect("a name")
}
