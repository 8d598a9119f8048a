//! One attempt at one run: gate, credential, executor, end.

use std::{sync::Arc, time::Duration};

use inventory::UpsertCounts;
use kernel::StoreError;
use operations::{
    ClaimedRun, OperationType, RunContext, RunOutcome,
    execution_gate::{self, Present, RefusedAt},
    inputs::credential_stage,
};
use provider_core::{
    ConnectionAccess, ConnectionId, ConnectionType, CredentialStage, Interrupt, OpenedCredential,
    ProviderConnection, ProviderFailure, ReasonCode, Retry, VaultError,
};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    checking::{self, Conclusion},
    finish::{Leave, Work},
    housekeeping,
    lease::OwnLease,
    outcome::{Ending, Seen},
    signals::{Known, Signals},
    sink::StoreSink,
    worker::WorkerParts,
};

/// How long a run waits after the store failed it.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// How long a run waits for a process that has the key of its credential.
const KEY_PAUSE: Duration = Duration::from_secs(30);

/// For how long a sign of life that is on its way may hold up the end of an attempt.
const LAST_BEAT: Duration = Duration::from_secs(2);

/// What ended the work on a run from within this process.
enum Stop {
    /// It came to an end, or the store failed it.
    Done(Result<(), StoreError>),
    /// Another attempt owns the run.
    Lost,
    /// The lease is over here, and nobody could be asked.
    LeaseOver,
    /// It took longer than its type may.
    Overdue,
    /// The process ends.
    Shutdown,
}

/// Executes a claimed run to its end, or until it is lost, its time is over, or `shutdown` comes. While
/// it works, signs of life go out of the same task: work that never yields sends none, and the sweep
/// takes the run from it.
pub(crate) async fn execute(work: Work<'_>, shutdown: &CancellationToken) {
    let Work {
        parts,
        claimed,
        calls,
        asked_at,
    } = work;
    let storage = parts.storage.as_ref();
    let lease = parts.settings.queue.lease;
    let own = OwnLease::new(lease, asked_at);
    let signals = Signals::new(storage, claimed, calls, own, parts.settings.wait_budget);
    let done = CancellationToken::new();
    let worked = async {
        let stop = tokio::select! {
            // In this order: a run that is lost or late is not worked at for another step.
            biased;
            () = signals.lost() => Stop::Lost,
            () = signals.lease_over() => Stop::LeaseOver,
            () = sleep_until(work.deadline()) => Stop::Overdue,
            () = shutdown.cancelled() => Stop::Shutdown,
            result = attempt(work, &signals) => Stop::Done(result),
        };
        done.cancel();
        stop
    };
    let beat = async {
        tokio::select! {
            () = signals.beat(parts.queue.as_ref(), lease, &done) => {}
            () = async { done.cancelled().await; sleep_until(Instant::now() + LAST_BEAT).await } => {}
        }
    };
    let (stop, ()) = futures::join!(worked, beat);
    if let Some(leave) = Leave::after(stop, claimed) {
        work.leave(leave).await;
    }
    // What did not go with the end: the run was lost, or the end could not be written with it.
    if let Err(error) = calls.flush(storage, claimed).await {
        tracing::error!(run_id = %claimed.run.id, %error, "calls of a run are not counted");
    }
}

impl Leave {
    /// What is left to be written after `stop`.
    fn after(stop: Stop, claimed: &ClaimedRun) -> Option<Self> {
        let run_id = claimed.run.id;
        match stop {
            Stop::Done(Ok(())) | Stop::Lost => None,
            // If the store may work again soon, the run is handed back; otherwise it ends, since
            // repeating it would fail alike.
            Stop::Done(Err(error)) => {
                tracing::error!(%run_id, %error, "the store failed during a run");
                Some(if error.retryable() {
                    Self::HandBack(STORE_PAUSE, Some(ReasonCode::InternalError))
                } else {
                    Self::Fail(ReasonCode::InternalError)
                })
            }
            Stop::LeaseOver => {
                tracing::warn!(%run_id, "a lease ended here before it could be renewed: the work stops");
                Some(Self::HandBack(Duration::ZERO, None))
            }
            Stop::Overdue => {
                tracing::warn!(%run_id, "a run took longer than it may: the work stops");
                Some(Self::Fail(ReasonCode::RunTimeout))
            }
            Stop::Shutdown => Some(Self::HandBack(Duration::ZERO, None)),
        }
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
        Err(refused) => {
            let mut blocked = Ending::because(RunOutcome::Blocked, context, refused.reason_code);
            blocked.context.execution_gate = Some(refused);
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
) -> Result<Result<(ProviderConnection, Known), RefusedAt>, StoreError> {
    let ClaimedRun { scope, run, .. } = claimed;
    let session = parts.storage.read().await?;
    let environment = match run.place.environment_id() {
        Some(environment) => session.environments().find(scope, environment).await?,
        None => None,
    };
    let (connection, requirements) = match run.target() {
        Some(target) => (
            session.connections().find(scope, target.connection_id).await?,
            session
                .connections()
                .requirements(scope, target.connection_id)
                .await?,
        ),
        None => (None, Vec::new()),
    };
    let initiator_role = match run.initiator.principal_id {
        Some(principal) => session.members().role_of(scope, principal).await?,
        None => None,
    };
    let present = Present {
        workspace: scope.workspace_id(),
        environment: environment.is_some(),
        initiator_role,
        connection: connection.as_ref(),
        requirements: &requirements,
    };
    let now = parts.clock.now();
    let connection = match execution_gate::decide(run, &present, parts.rules.as_ref(), now) {
        Ok(connection) => connection.clone(),
        Err(refusal) => return Ok(Err(refusal.noted(now))),
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
        // The queue gives out no groups.
        OperationType::Bulk => Err(ProviderFailure::Provider {
            reason: ReasonCode::OperationNotSupported,
            retry: Retry::Never,
        }),
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
