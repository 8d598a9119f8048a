//! The same start over many environments: each goes through the gate as if it were asked for alone, and
//! a group holds the new runs together.
//!
//! All of it is one unit of work, so a group is there with all its runs or not at all. The runs enter the
//! gate in the order of their scope keys: on an engine with many writers two such starts that want the
//! same targets wait for each other in one order, and neither can hold what the other needs.

use kernel::Timestamp;
use provider_core::RunId;
use serde_json::{Map, Value};
use tenancy::{Change, EnvironmentId, WorkspaceScope};

use crate::{
    GateError, GroupTally, Initiator, OperationRun, OperationType, RunContext, RunPlace, RunRepository,
    RunTrigger, StartOutcome, gate, run::NewRun,
};

/// How many environments one start may name.
pub const MOST_ENVIRONMENTS: usize = 500;

/// What is to be started, and where: a run that is prepared for the gate for each environment, nothing
/// for one that is not there.
pub struct BulkStart {
    /// The id of the group: the runs name it.
    pub group: RunId,
    /// What caused it.
    pub trigger: RunTrigger,
    /// What was asked for, for whoever reads the group.
    pub operation_type: OperationType,
    /// The environments in the order asked, each once.
    pub members: Vec<(EnvironmentId, Option<OperationRun>)>,
}

/// What became of one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkItem {
    /// Which.
    pub environment_id: EnvironmentId,
    /// What the gate said; nothing when the environment is not there.
    pub outcome: Option<StartOutcome>,
}

/// What became of all.
#[derive(Debug, Clone, PartialEq)]
pub struct StartedBulk {
    /// The group.
    pub run: OperationRun,
    /// The environments in the order asked.
    pub items: Vec<BulkItem>,
}

/// Starts everything in one unit of work. `entry` makes the journal entries.
pub async fn start(
    runs: &mut dyn RunRepository,
    scope: &WorkspaceScope,
    start: BulkStart,
    now: Timestamp,
    entry: &(dyn Fn(&OperationRun) -> Change + Sync),
) -> Result<StartedBulk, GateError> {
    let BulkStart {
        group,
        trigger,
        operation_type,
        members,
    } = start;
    let mut items: Vec<_> = members
        .iter()
        .map(|(environment_id, _)| BulkItem {
            environment_id: *environment_id,
            outcome: None,
        })
        .collect();
    let mut wanted: Vec<_> = members
        .into_iter()
        .enumerate()
        .filter_map(|(place, (_, run))| Some((place, run?)))
        .collect();
    wanted.sort_by(|(_, one), (_, other)| one.place.scope_key().cmp(&other.place.scope_key()));
    for (place, run) in wanted {
        let change = entry(&run);
        let outcome = gate::start(runs, scope, run, &change).await?;
        if let Some(item) = items.get_mut(place) {
            item.outcome = Some(outcome);
        }
    }
    let run = OperationRun::group(
        of_group(scope, group, trigger, operation_type, now),
        tally(&items),
    );
    let change = entry(&run);
    runs.insert_group(scope, &run, &change).await?;
    Ok(StartedBulk { run, items })
}

fn of_group(
    scope: &WorkspaceScope,
    id: RunId,
    trigger: RunTrigger,
    started: OperationType,
    now: Timestamp,
) -> NewRun {
    let mut inputs = Map::new();
    inputs.insert("operation_type".to_owned(), Value::from(started.as_str()));
    NewRun {
        workspace_id: scope.workspace_id(),
        // A place of its own: groups are in nobody's way.
        place: RunPlace::Workspace {
            scope_key: format!("group/{id}"),
        },
        trigger,
        id,
        operation_type: OperationType::Bulk,
        identity_hash: format!("group/{id}"),
        inputs,
        initiator: Initiator::from(scope.actor()),
        context: RunContext::default(),
        created_at: now,
    }
}

fn tally(items: &[BulkItem]) -> GroupTally {
    let mut tally = GroupTally::default();
    for item in items {
        let counter = match &item.outcome {
            Some(StartOutcome::Accepted(_)) => &mut tally.accepted,
            Some(StartOutcome::Deduplicated(_)) => &mut tally.deduplicated,
            Some(StartOutcome::ScopeBusy { .. }) => &mut tally.scope_busy,
            Some(StartOutcome::Blocked(_)) => &mut tally.blocked,
            None => &mut tally.not_found,
        };
        *counter += 1;
    }
    tally
}
