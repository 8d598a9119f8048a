//! What the gate makes of requests and stored facts, without a store.

use kernel::SequentialIds;
use provider_core::{
    ConnectionDraft, ConnectionId, ConnectionType, ConsentState, CredentialId, CredentialKind,
    CredentialStage, CredentialSummary, ProviderKey, ScopeIdentifier, ScopeKind, Tags, TargetScope,
    testing::FakeProvider,
};
use tenancy::{DisplayName, SystemTask, WorkspaceId};

use super::*;
use crate::RunOutcome;

fn scope(ids: &SequentialIds) -> WorkspaceScope {
    #[expect(clippy::disallowed_methods, reason = "a test needs a scope")]
    WorkspaceScope::for_system(WorkspaceId::next(ids), SystemTask::Worker)
}

pub(crate) fn sample_new_run() -> NewRun {
    let ids = SequentialIds::default();
    NewRun {
        workspace_id: Id::next(&ids),
        place: RunPlace::Environment {
            environment_id: Id::next(&ids),
            target: None,
        },
        trigger: RunTrigger::Api { retry_of: None },
        id: Id::next(&ids),
        operation_type: OperationType::InventorySync,
        identity_hash: "0".repeat(64),
        inputs: Map::new(),
        initiator: Initiator {
            principal_id: None,
            label: "somebody".into(),
        },
        context: RunContext::default(),
        created_at: Timestamp::default(),
    }
}

/// A usable connection.
pub(crate) fn sample_connection(ids: &SequentialIds) -> ProviderConnection {
    connection(&scope(ids), ids)
}

fn connection(scope: &WorkspaceScope, ids: &SequentialIds) -> ProviderConnection {
    let now = Timestamp::default();
    let draft = ConnectionDraft {
        workspace_id: scope.workspace_id(),
        environment_id: Id::next(ids),
        id: ConnectionId::next(ids),
        display_name: DisplayName::new("Somewhere").expect("valid"),
        tags: Tags::default(),
        connection_type: ConnectionType::Dedicated,
        target_scope: TargetScope::stored(
            ProviderKey::new("fake").expect("valid"),
            ScopeKind::Tenant,
            ScopeIdentifier::canonical("site-1".into()),
            DisplayName::new("Site 1").expect("valid"),
        ),
        realm: "main".into(),
        client_identifier: Some("client".into()),
        created_at: now,
    };
    ProviderConnection {
        is_default: true,
        credential: Some(CredentialSummary {
            id: CredentialId::next(ids),
            version: 1,
            stage: CredentialStage::Current,
            kind: CredentialKind::ClientSecret,
            fingerprint: None,
            created_at: now,
            expires_at: None,
            undecryptable: false,
            keep_until: None,
            trial: None,
        }),
        ..draft.connection()
    }
}

fn prepared(change: impl FnOnce(&mut ProviderConnection)) -> OperationRun {
    prepared_for(OperationType::InventorySync, change)
}

fn prepared_for(operation_type: OperationType, change: impl FnOnce(&mut ProviderConnection)) -> OperationRun {
    let ids = SequentialIds::default();
    let scope = scope(&ids);
    let mut connection = connection(&scope, &ids);
    change(&mut connection);
    let request = StartRequest {
        operation_type,
        environment_id: connection.environment_id,
        inputs: Map::new(),
        trigger: RunTrigger::Api { retry_of: None },
    };
    let choice = ConnectionChoice::Use(Box::new(connection), Vec::new());
    prepare(
        &scope,
        request,
        &choice,
        &FakeProvider,
        &ids,
        Timestamp::default(),
    )
}

#[test]
fn a_usable_connection_gives_a_waiting_run_that_is_pinned_to_it() {
    let run = prepared(|_| {});
    assert!(run.status().is_active());
    assert_eq!(run.target().expect("pinned").scope_key, "fake/tenant/site-1");
    assert!(run.context.target_scope.is_some());
}

#[test]
fn stored_facts_block_with_their_reason_and_a_next_step() {
    type Mutation = fn(&mut ProviderConnection);
    let cases: [(Mutation, ReasonCode); 5] = [
        (
            |connection| connection.is_enabled = false,
            ReasonCode::ProviderConnectionDisabled,
        ),
        (
            |connection| connection.credential = None,
            ReasonCode::ProviderCredentialMissing,
        ),
        (
            |connection| {
                let credential = connection.credential.as_mut().expect("there");
                credential.expires_at = Some(Timestamp::default());
            },
            ReasonCode::ProviderCredentialExpired,
        ),
        (
            |connection| connection.consent.value = ConsentState::Revoked,
            ReasonCode::ProviderConsentMissing,
        ),
        // A dedicated credential that is left over must not serve a platform connection.
        (
            |connection| connection.connection_type = ConnectionType::Platform,
            ReasonCode::ProviderConsentMissing,
        ),
    ];
    for (mutation, reason) in cases {
        let run = prepared(mutation);
        assert_eq!(run.outcome(), Some(RunOutcome::Blocked), "{reason:?}");
        assert_eq!(run.context.reason_code, Some(reason));
        assert_eq!(run.context.steps(), [reason.next_step()]);
    }
}

#[test]
fn a_check_may_look_whether_consent_was_granted_meanwhile() {
    let without = |connection: &mut ProviderConnection| connection.consent.value = ConsentState::Required;
    assert!(
        prepared_for(OperationType::ConnectionCheck, without)
            .status()
            .is_active()
    );
    let blocked = prepared_for(OperationType::ComplianceSnapshot, without);
    assert_eq!(
        blocked.context.reason_code,
        Some(ReasonCode::ProviderConsentMissing)
    );
}

#[test]
fn two_defaults_are_corruption_and_none_is_missing() {
    let ids = SequentialIds::default();
    let scope = scope(&ids);
    let one = connection(&scope, &ids);
    assert_eq!(
        ConnectionChoice::from_defaults(vec![]),
        Err(ReasonCode::ProviderConnectionMissing)
    );
    assert_eq!(
        ConnectionChoice::from_defaults(vec![one.clone()]),
        Ok(one.clone())
    );
    assert_eq!(
        ConnectionChoice::from_defaults(vec![one.clone(), one]),
        Err(ReasonCode::ProviderConnectionInvalid)
    );
}

#[test]
fn the_identity_tells_operations_connections_and_inputs_apart() {
    let ids = SequentialIds::default();
    let scope = scope(&ids);
    let (one, two) = (connection(&scope, &ids), connection(&scope, &ids));
    let none = Map::new();
    let some = Map::from_iter([("b".to_owned(), Value::Null), ("a".to_owned(), Value::Null)]);
    let reordered = Map::from_iter([("a".to_owned(), Value::Null), ("b".to_owned(), Value::Null)]);
    let hash = identity_hash;
    let base = hash(OperationType::InventorySync, Some(&one), &none);
    assert_eq!(base.len(), 64);
    assert_ne!(base, hash(OperationType::ComplianceSnapshot, Some(&one), &none));
    assert_ne!(base, hash(OperationType::InventorySync, Some(&two), &none));
    assert_ne!(base, hash(OperationType::InventorySync, Some(&one), &some));
    assert_eq!(
        hash(OperationType::InventorySync, Some(&one), &some),
        hash(OperationType::InventorySync, Some(&one), &reordered)
    );
}

#[test]
fn the_holder_decides_between_the_same_and_another_operation() {
    let holder = OperationRun::queued(sample_new_run());
    assert!(matches!(
        classify(&"0".repeat(64), holder.clone()),
        StartOutcome::Deduplicated(_)
    ));
    assert!(matches!(
        classify(&"1".repeat(64), holder),
        StartOutcome::ScopeBusy { .. }
    ));
}
