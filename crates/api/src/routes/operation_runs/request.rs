//! What start and preflight share: from a body to a run that is prepared for the gate, by
//! looking at stored facts only.

use operations::{
    OperationRun, OperationType, RunTrigger, StartOutcome, StartRequest, UnknownInput, choose, gate, inputs,
};
use provider_core::{ConnectionId, RunId};
use serde::Deserialize;
use serde_json::{Map, Value};
use storage::ReadSession;
use tenancy::EnvironmentId;
use utoipa::ToSchema;

use crate::{
    auth::{
        guard::Guard,
        permission::{Permission, StartOperations},
    },
    problem::{Code, Problem},
};

/// An operation to be started.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartOperationRun {
    /// What, as in `GET /api/v1/operation-types`.
    #[schema(example = "inventory.sync")]
    operation_type: String,
    /// Where.
    #[schema(value_type = Uuid)]
    environment_id: EnvironmentId,
    /// Through which connection; the environment's default if it is left out.
    #[schema(value_type = Option<Uuid>)]
    connection_id: Option<ConnectionId>,
    /// The run that this one tries again: a completed one of the same environment. It does not change
    /// what the operation is: an active run of the same operation is found all the same.
    #[schema(value_type = Option<Uuid>)]
    retry_of: Option<RunId>,
    /// Parameters. `provider.connection.check` takes `credential`: `current`, or `next` to try the
    /// credential that was stored as the next one. Other operations take none.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>)]
    inputs: Option<Map<String, Value>>,
}

/// A run on its way to the gate.
pub(super) struct Prepared {
    /// Waiting, or blocked by stored facts.
    pub(super) run: OperationRun,
    /// Who holds the target at this moment. A hint: only the gate's insert decides.
    holder: Option<OperationRun>,
}

impl Prepared {
    /// Prepares what `body` asks for.
    pub(super) async fn from(
        guard: &Guard<StartOperations>,
        body: StartOperationRun,
    ) -> Result<Self, Problem> {
        let (request, connection_id) = check(guard, body)?;
        let (state, scope) = (&guard.state, &guard.scope);
        let session = state.storage.read().await?;
        if session
            .environments()
            .find(scope, request.environment_id)
            .await?
            .is_none()
        {
            return Err(invalid_reference("/environment_id"));
        }
        if let Some(earlier) = request.trigger.retry_of() {
            over_here(guard, &*session, request.environment_id, earlier).await?;
        }
        let connections = session.connections();
        let provider = state.rules.provider();
        let choice = choose(
            &*connections,
            scope,
            request.environment_id,
            connection_id,
            &provider,
        )
        .await?;
        let choice = choice.ok_or_else(|| invalid_reference("/connection_id"))?;
        let run = gate::prepare(
            scope,
            request,
            &choice,
            &*state.rules,
            &*state.ids,
            state.clock.now(),
        );
        let holder = match run.place.scope_key() {
            Some(scope_key) if run.status().is_active() => session.runs().active_on(scope, scope_key).await?,
            Some(_) | None => None,
        };
        Ok(Self { run, holder })
    }

    /// What the gate would answer as things stand.
    pub(super) fn forecast(self) -> StartOutcome {
        let Self { run, holder } = self;
        match holder {
            _ if !run.status().is_active() => StartOutcome::Blocked(run),
            Some(holder) => gate::classify(&run.identity_hash, holder),
            None => StartOutcome::Accepted(run),
        }
    }

    /// The run that is active already, if it is the same operation: the hot case, which needs no
    /// transaction.
    pub(super) fn same_run(&self) -> Option<OperationRun> {
        self.holder
            .clone()
            .filter(|holder| holder.identity_hash == self.run.identity_hash)
    }
}

fn check(
    guard: &Guard<StartOperations>,
    body: StartOperationRun,
) -> Result<(StartRequest, Option<ConnectionId>), Problem> {
    let StartOperationRun {
        operation_type,
        environment_id,
        connection_id,
        retry_of,
        inputs,
    } = body;
    let (operation_type, inputs) = wish(guard, &operation_type, inputs)?;
    Ok((
        StartRequest {
            operation_type,
            environment_id,
            inputs,
            trigger: RunTrigger::Api { retry_of },
        },
        connection_id,
    ))
}

/// An operation that a caller may start, and its inputs in their canonical spelling.
pub(in crate::routes) fn wish<P: Permission>(
    guard: &Guard<P>,
    operation_type: &str,
    inputs: Option<Map<String, Value>>,
) -> Result<(OperationType, Map<String, Value>), Problem> {
    let operation_type = OperationType::parse(operation_type).ok_or_else(|| {
        Problem::at(
            Code::UnknownOperationType,
            "/operation_type",
            "unknown_operation_type",
        )
    })?;
    let definition = operation_type.definition();
    if !definition.startable {
        return Err(Problem::invalid("/operation_type", "not_startable"));
    }
    if !guard.may(definition.capability) {
        return Err(Problem::forbidden(definition.capability));
    }
    let inputs = inputs::canonical(operation_type, &inputs.unwrap_or_default()).map_err(unfit_input)?;
    Ok((operation_type, inputs))
}

/// Points at an input of ours; a name that is none of ours is not repeated.
fn unfit_input(UnknownInput { name, known_name }: UnknownInput) -> Problem {
    if known_name {
        Problem::invalid(&format!("/inputs/{name}"), "invalid_value")
    } else {
        Problem::invalid("/inputs", "unknown_input")
    }
}

/// A run can be tried again if it is over, and where it was.
async fn over_here(
    guard: &Guard<StartOperations>,
    session: &dyn ReadSession,
    environment: EnvironmentId,
    earlier: RunId,
) -> Result<(), Problem> {
    let found = session.runs().find(&guard.scope, earlier).await?;
    let here = found.filter(|run| run.place.environment_id() == Some(environment));
    let run = here.ok_or_else(|| invalid_reference("/retry_of"))?;
    if run.status().is_active() {
        return Err(Problem::invalid("/retry_of", "not_completed"));
    }
    Ok(())
}

fn invalid_reference(pointer: &str) -> Problem {
    Problem::at(Code::InvalidReference, pointer, "invalid_reference")
}
