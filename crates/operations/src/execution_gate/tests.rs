//! What the gate says to each fact that may have changed since the run was queued.

use kernel::{Id, IdKind, IdSource as _, SequentialIds};
use provider_core::{ConsentState, RequirementState, testing::FakeProvider};
use tenancy::PrincipalId;

use super::*;
use crate::{
    Initiator, OperationType, RunPlace, RunTarget, ScheduleId, gate::tests as gate_tests, run::NewRun,
};

/// A run, and everything that allowed it.
struct Case {
    run: NewRun,
    workspace: WorkspaceId,
    environment: bool,
    role: Option<Role>,
    connection: Option<ProviderConnection>,
    requirements: Vec<RequirementRow>,
}

fn allowed() -> Case {
    let ids = SequentialIds::default();
    let connection = gate_tests::sample_connection(&ids);
    let run = NewRun {
        workspace_id: connection.workspace_id,
        place: RunPlace::Environment {
            environment_id: connection.environment_id,
            target: Some(RunTarget {
                connection_id: connection.id,
                scope_key: connection.target_scope.scope_key(),
            }),
        },
        initiator: Initiator {
            principal_id: Some(PrincipalId::next(&ids)),
            label: "somebody".into(),
        },
        ..gate_tests::sample_new_run()
    };
    Case {
        workspace: connection.workspace_id,
        run,
        environment: true,
        role: Some(Role::Operator),
        connection: Some(connection),
        requirements: Vec::new(),
    }
}

fn decided(change: impl FnOnce(&mut Case)) -> Result<(), (DenialClass, ReasonCode)> {
    let mut case = allowed();
    change(&mut case);
    let run = OperationRun::queued(case.run);
    let present = Present {
        workspace: case.workspace,
        environment: case.environment,
        initiator_role: case.role,
        connection: case.connection.as_ref(),
        requirements: &case.requirements,
    };
    decide(&run, &present, &FakeProvider, Timestamp::default())
        .map(drop)
        .map_err(|refusal| (refusal.denial_class, refusal.reason_code))
}

/// An id that nothing has yet.
fn another<K: IdKind>() -> Id<K> {
    let ids = SequentialIds::default();
    for _ in 0..100 {
        ids.next_uuid();
    }
    Id::next(&ids)
}

fn connection(case: &mut Case) -> &mut ProviderConnection {
    case.connection.as_mut().expect("there")
}

#[test]
fn a_run_is_allowed_while_everything_is_as_it_was() {
    assert_eq!(decided(|_| {}), Ok(()));
}

#[test]
fn each_fact_that_changed_refuses_with_its_reason_and_its_class() {
    use DenialClass::{
        CapabilityDenied, ConnectionNotOperable, InitiatorInvalid, PrerequisiteInvalid, ScopeDenied,
    };
    type Mutation = fn(&mut Case);
    let moved = (ScopeDenied, ReasonCode::ProviderTargetScopeMismatch);
    let cases: [(&str, Mutation, (DenialClass, ReasonCode)); 12] = [
        ("another workspace", |case| case.workspace = another(), moved),
        (
            "the environment is gone",
            |case| case.environment = false,
            (ScopeDenied, ReasonCode::EnvironmentMissing),
        ),
        (
            "the connection is elsewhere",
            |case| {
                connection(case).environment_id = another();
            },
            moved,
        ),
        (
            "the connection is another workspace's",
            |case| {
                connection(case).workspace_id = another();
            },
            moved,
        ),
        (
            "it is another connection",
            |case| {
                connection(case).id = another();
            },
            moved,
        ),
        (
            "the role is lost",
            |case| case.role = Some(Role::Readonly),
            (CapabilityDenied, ReasonCode::InitiatorNotEntitled),
        ),
        (
            "the membership is lost",
            |case| case.role = None,
            (InitiatorInvalid, ReasonCode::InitiatorMissing),
        ),
        (
            "nobody is named",
            |case| case.run.initiator.principal_id = None,
            (InitiatorInvalid, ReasonCode::InitiatorMissing),
        ),
        (
            "the connection is gone",
            |case| case.connection = None,
            (ConnectionNotOperable, ReasonCode::ProviderConnectionMissing),
        ),
        (
            "it is disabled",
            |case| connection(case).is_enabled = false,
            (ConnectionNotOperable, ReasonCode::ProviderConnectionDisabled),
        ),
        (
            "the credential is gone",
            |case| connection(case).credential = None,
            (PrerequisiteInvalid, ReasonCode::ProviderCredentialMissing),
        ),
        (
            "consent is revoked",
            |case| {
                let state = &mut connection(case).consent;
                state.value = ConsentState::Revoked;
            },
            (PrerequisiteInvalid, ReasonCode::ProviderConsentMissing),
        ),
    ];
    for (what, change, expected) in cases {
        assert_eq!(decided(change), Err(expected), "{what}");
    }
}

#[test]
fn a_permission_that_is_known_to_be_missing_refuses_all_but_a_check() {
    let missing = |case: &mut Case| {
        case.requirements = FakeProvider
            .requirements(OperationType::InventorySync.as_str())
            .iter()
            .map(|key| RequirementRow {
                key: (*key).to_owned(),
                state: RequirementState::Missing,
                checked_at: Timestamp::default(),
                run_id: case.run.id,
            })
            .collect();
        assert!(!case.requirements.is_empty());
    };
    let refused = (
        DenialClass::PrerequisiteInvalid,
        ReasonCode::ProviderPermissionMissing,
    );
    assert_eq!(decided(missing), Err(refused));
    assert_eq!(
        decided(|case| {
            missing(case);
            case.run.operation_type = OperationType::ConnectionCheck;
        }),
        Ok(())
    );
}

#[test]
fn who_answers_for_a_run_depends_on_what_caused_it() {
    let ids = SequentialIds::default();
    let nobody = |trigger| {
        move |case: &mut Case| {
            case.run.trigger = trigger;
            case.run.initiator.principal_id = None;
            case.role = None;
        }
    };
    let gone = |trigger| {
        move |case: &mut Case| {
            case.run.trigger = trigger;
            case.role = None;
        }
    };
    let missing = Err((DenialClass::InitiatorInvalid, ReasonCode::InitiatorMissing));
    let schedule = RunTrigger::Schedule(ScheduleId::next(&ids));
    for trigger in [
        RunTrigger::Api { retry_of: None },
        RunTrigger::Bulk { parent: None },
    ] {
        assert_eq!(decided(nobody(trigger)), missing, "{trigger:?} names nobody");
        assert_eq!(
            decided(gone(trigger)),
            missing,
            "{trigger:?} of somebody who left"
        );
    }
    for trigger in [schedule, RunTrigger::Consent] {
        assert_eq!(decided(nobody(trigger)), Ok(()), "{trigger:?} names nobody");
        assert_eq!(
            decided(gone(trigger)),
            missing,
            "{trigger:?} of somebody who left"
        );
    }
    assert_eq!(decided(nobody(RunTrigger::System)), Ok(()));
    assert_eq!(
        decided(gone(RunTrigger::System)),
        Ok(()),
        "the system answers for itself"
    );
}

#[test]
fn only_what_can_be_mended_is_worth_another_try() {
    let retryable: Vec<_> = DenialClass::ALL
        .into_iter()
        .filter(|class| class.retryable())
        .map(DenialClass::as_str)
        .collect();
    assert_eq!(retryable, ["connection_not_operable", "prerequisite_invalid"]);
}
