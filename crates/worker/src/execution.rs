//! One attempt at one run: gate, credential, executor, end.

use std::{sync::Arc, time::Duration};

use inventory::UpsertCounts;
use kernel::StoreError;
use operations::{
    ClaimedRun, OperationType, RunContext, RunOutcome, execution_gate, inputs::credential_stage,
};
use provider_core::{
    ConnectionAccess, ConnectionId, ConnectionType, CredentialStage, Interrupt, OpenedCredential,
    ProviderConnection, ProviderFailure, ReasonCode, Retry, VaultError,
};
use tokio_util::sync::CancellationToken;

use crate::{
    checking::{self, Conclusion},
    finish::Work,
    housekeeping,
    outcome::{Ending, Seen},
    signals::{Known, Signals},
    sink::StoreSink,
    worker::WorkerParts,
};

/// How long a run waits after the store failed it.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// How long a run waits for a process that has the key of its credential.
const KEY_PAUSE: Duration = Duration::from_secs(30);

/// Executes a claimed run to its end, or until it is lost. While it works, signs of life go out;
/// when `shutdown` comes, the run is handed back at once.
pub(crate) async fn execute(work: Work<'_>, shutdown: &CancellationToken) {
    let Work {
        parts,
        claimed,
        calls,
    } = work;
    let storage = parts.storage.as_ref();
    let signals = Signals::new(storage, claimed, calls, parts.settings.wait_budget);
    let done = CancellationToken::new();
    let beat = signals.beat(parts.queue.as_ref(), parts.settings.queue.lease, &done);
    let attempted = async {
        let result = tokio::select! {
            result = attempt(work, &signals) => result,
            () = signals.lost() => Ok(()),
            () = shutdown.cancelled() => work.hand_back(Duration::ZERO, None).await.map(drop),
        };
        done.cancel();
        result
    };
    let (result, ()) = futures::join!(attempted, beat);
    if let Err(error) = result {
        recover(work, &error).await;
    }
    // What did not go with the end: the run was lost, or the end could not be written with it.
    if let Err(error) = calls.flush(storage, claimed).await {
        tracing::error!(run_id = %claimed.run.id, %error, "calls of a run are not counted");
    }
}

/// The store failed where the run could not go on without it. If it may work again soon, the run
/// is handed back; otherwise it ends, since repeating it would fail alike. If that cannot be
/// written either, the lease runs out and the sweep decides.
async fn recover(work: Work<'_>, error: &StoreError) {
    let claimed = work.claimed;
    tracing::error!(run_id = %claimed.run.id, %error, "the store failed during a run");
    let reason = ReasonCode::InternalError;
    let recovered = if error.retryable() {
        work.hand_back(STORE_PAUSE, Some(reason)).await
    } else {
        let failed = Ending::because(RunOutcome::Failed, claimed.run.context.clone(), reason);
        work.finish(failed).await
    };
    if let Err(error) = recovered {
        tracing::error!(run_id = %claimed.run.id, %error, "the end of a run could not be written");
    }
}

async fn attempt(work: Work<'_>, signals: &Signals<'_>) -> Result<(), StoreError> {
    let Work { parts, claimed, .. } = work;
    let context = claimed.run.context.clone();
    if claimed.run.cancel_requested_at.is_some() {
        let canceled = Ending::because(RunOutcome::Canceled, context, ReasonCode::RunCanceled);
        return work.finish(canceled).await.map(drop);
    }
    if claimed.run.operation_type == OperationType::WorkspaceHousekeeping {
        // Of the workspace as a whole: no connection, no credential, no provider.
        return housekeeping::attempt(work, signals).await;
    }
    let connection = match admitted(parts, claimed).await? {
        Ok((connection, known)) => {
            signals.begin(known);
            connection
        }
        Err(reason) => {
            let blocked = Ending::because(RunOutcome::Blocked, context, reason);
            return work.finish(blocked).await.map(drop);
        }
    };
    let seen = seen(parts, claimed, &connection);
    let credential = match open(parts, claimed, &connection).await {
        Ok(credential) => credential,
        Err(VaultError::Store(error)) => return Err(error),
        Err(VaultError::Missing) => {
            let blocked = Ending::because(RunOutcome::Blocked, context, missing(&connection));
            return work.finish(blocked).await.map(drop);
        }
        Err(VaultError::KeyMissing) => {
            tracing::error!(run_id = %claimed.run.id, "the key ring lacks the key of a credential");
            let reason = ReasonCode::ProviderCredentialUndecryptable;
            return work.hand_back(KEY_PAUSE, Some(reason)).await.map(drop);
        }
        Err(VaultError::Undecryptable) => {
            let blocked = unreadable(&connection, context, seen);
            return work.finish(blocked).await.map(drop);
        }
    };
    let access = ConnectionAccess {
        connection_id: connection.id,
        workspace: connection.workspace_id.as_uuid(),
        destination: connection.effective_destination(parts.rules.as_ref()),
        credential,
    };
    let ending = match dispatch(parts, claimed, &connection, &access, (signals, seen)).await {
        Ok(Conclusion::End(ending)) => *ending,
        Ok(Conclusion::Wait(waits)) => return work.wait(waits).await.map(drop),
        Err(failure) => match settle(failure) {
            Settled::End(RunOutcome::Failed, reason) => {
                let at = parts.clock.now();
                Ending::failed(context, reason, Seen { at, ..seen })
            }
            Settled::End(outcome, reason) => Ending::because(outcome, context, reason),
            Settled::HandBack(delay, reason) => {
                return work.hand_back(delay, Some(reason)).await.map(drop);
            }
            Settled::Nothing => return Ok(()),
        },
    };
    work.finish(ending).await.map(drop)
}

/// The credential that this run signs in with: the platform's, or the connection's own in the
/// stage that the run was made for. There is no way from one to the other.
async fn open(
    parts: &WorkerParts,
    claimed: &ClaimedRun,
    connection: &ProviderConnection,
) -> Result<OpenedCredential, VaultError> {
    match connection.connection_type {
        ConnectionType::Platform => {
            // Reads files, and perhaps derives a key from a password: not on the runtime's threads.
            let (platform, realm) = (Arc::clone(&parts.platform), connection.realm.clone());
            let opened = tokio::task::spawn_blocking(move || platform.open(&realm)).await;
            opened.unwrap_or(Err(VaultError::Undecryptable))
        }
        ConnectionType::Dedicated => {
            let stage = credential_stage(&claimed.run.inputs);
            parts.vault.open_stage(&claimed.scope, connection, stage).await
        }
    }
}

const fn missing(connection: &ProviderConnection) -> ReasonCode {
    match connection.connection_type {
        ConnectionType::Platform => ReasonCode::PlatformIdentityMissing,
        ConnectionType::Dedicated => ReasonCode::ProviderCredentialMissing,
    }
}

/// A credential that is there and cannot be read.
fn unreadable(connection: &ProviderConnection, context: RunContext, seen: Seen) -> Ending {
    match connection.connection_type {
        // Nothing is wrong with the connection: whoever runs the installation has to look.
        ConnectionType::Platform => {
            tracing::error!(realm = %connection.realm, "the platform's credential cannot be read");
            Ending::because(RunOutcome::Blocked, context, ReasonCode::PlatformIdentityMissing)
        }
        ConnectionType::Dedicated => {
            let reason = ReasonCode::ProviderCredentialUndecryptable;
            let mut blocked = Ending::failed(context, reason, seen);
            blocked.outcome = RunOutcome::Blocked;
            blocked
        }
    }
}

/// The execution gate: the connection, if the run may go on with it, and what the run begins with.
async fn admitted(
    parts: &WorkerParts,
    claimed: &ClaimedRun,
) -> Result<Result<(ProviderConnection, Known), ReasonCode>, StoreError> {
    let ClaimedRun { scope, run, .. } = claimed;
    let session = parts.storage.read().await?;
    let connection = match run.target() {
        Some(target) => session.connections().find(scope, target.connection_id).await?,
        None => None,
    };
    let role = match run.initiator.principal_id {
        Some(principal) => session.members().role_of(scope, principal).await?,
        None => None,
    };
    let refusal = execution_gate::refuse(
        run,
        connection.as_ref(),
        role,
        parts.rules.as_ref(),
        parts.clock.now(),
    );
    let connection = match (connection, refusal) {
        (_, Some(reason)) => return Ok(Err(reason)),
        (Some(connection), None) => connection,
        (None, None) => return Ok(Err(ReasonCode::ProviderConnectionMissing)),
    };
    let known = Known {
        resume_point: parts.vault.resume_point(scope, run.id).await?,
        pauses: session.calls().open_pauses(scope, connection.id).await?,
    };
    Ok(Ok((connection, known)))
}

async fn dispatch(
    parts: &WorkerParts,
    claimed: &ClaimedRun,
    connection: &ProviderConnection,
    access: &ConnectionAccess,
    (signals, seen): (&Signals<'_>, Seen),
) -> Result<Conclusion, ProviderFailure> {
    let context = claimed.run.context.clone();
    let end = |ending| Ok(Conclusion::End(Box::new(ending)));
    match claimed.run.operation_type {
        OperationType::ConnectionCheck => {
            checking::check(parts, claimed, connection, access, (signals, seen)).await
        }
        OperationType::InventorySync => {
            let mut sink = StoreSink {
                storage: parts.storage.as_ref(),
                clock: parts.clock.as_ref(),
                claimed,
                connection_id: access.connection_id,
            };
            let collection = parts.inventory.collect(access, signals, &mut sink).await?;
            let counts = stored(parts, claimed, access.connection_id)
                .await
                .map_err(|error| {
                    ProviderFailure::Interrupted(Interrupt::StoreFailed {
                        retryable: error.retryable(),
                    })
                })?;
            end(Ending::of_collection(context, &collection, counts))
        }
        // It was executed before anybody asked for a connection.
        OperationType::WorkspaceHousekeeping => end(Ending::because(
            RunOutcome::Failed,
            context,
            ReasonCode::InternalError,
        )),
        OperationType::ComplianceSnapshot => {
            let measurement = parts.inventory.measure(access, signals).await?;
            end(Ending::of_measurement(context, measurement))
        }
    }
}

/// What the run stored, all its attempts together.
async fn stored(
    parts: &WorkerParts,
    claimed: &ClaimedRun,
    connection: ConnectionId,
) -> Result<UpsertCounts, StoreError> {
    let session = parts.storage.read().await?;
    session
        .inventory()
        .counts_of_run(&claimed.scope, connection, claimed.run.id)
        .await
}

/// What an observation of this moment is about.
fn seen(parts: &WorkerParts, claimed: &ClaimedRun, connection: &ProviderConnection) -> Seen {
    Seen {
        run_id: claimed.run.id,
        identity_version: connection.identity_version,
        at: parts.clock.now(),
        trial: match credential_stage(&claimed.run.inputs) {
            CredentialStage::Current => None,
            CredentialStage::Next | CredentialStage::Previous => {
                connection.next_credential.as_ref().map(|next| next.id)
            }
        },
        dedicated: connection.connection_type == ConnectionType::Dedicated,
        is_check: claimed.run.operation_type == OperationType::ConnectionCheck,
        hint_at: connection.consent_hint.as_ref().map(|hint| hint.at),
    }
}

/// What an executor's failure means for the run.
enum Settled {
    End(RunOutcome, ReasonCode),
    HandBack(Duration, ReasonCode),
    Nothing,
}

const fn settle(failure: ProviderFailure) -> Settled {
    match failure {
        ProviderFailure::Provider {
            reason,
            retry: Retry::Never,
        } => Settled::End(RunOutcome::Failed, reason),
        ProviderFailure::Provider {
            reason,
            retry: Retry::After(delay),
        } => Settled::HandBack(delay, reason),
        ProviderFailure::Interrupted(Interrupt::CancelRequested) => {
            Settled::End(RunOutcome::Canceled, ReasonCode::RunCanceled)
        }
        ProviderFailure::Interrupted(Interrupt::Lost) => Settled::Nothing,
        ProviderFailure::Interrupted(Interrupt::StoreFailed { retryable: true }) => {
            Settled::HandBack(STORE_PAUSE, ReasonCode::InternalError)
        }
        ProviderFailure::Interrupted(Interrupt::StoreFailed { retryable: false }) => {
            Settled::End(RunOutcome::Failed, ReasonCode::InternalError)
        }
    }
}
