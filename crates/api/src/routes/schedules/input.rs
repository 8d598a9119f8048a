//! What bodies say about the turns of a schedule, checked.

use operations::{Jitter, Responsible, Rhythm, RhythmError};
use tenancy::{Actor, WorkspaceScope};

use crate::problem::Problem;

/// The rhythm at `/cron` and `/time_zone`.
pub(super) fn rhythm(cron: &str, time_zone: &str) -> Result<Rhythm, Problem> {
    Rhythm::parse(cron, time_zone).map_err(|error| match error {
        RhythmError::NotCron => Problem::invalid("/cron", "not_a_cron_expression"),
        RhythmError::TooOften => Problem::invalid("/cron", "too_often"),
        RhythmError::Never => Problem::invalid("/cron", "never_comes"),
        RhythmError::NotAZone => Problem::invalid("/time_zone", "not_a_time_zone"),
    })
}

/// The window at `/jitter_seconds`.
pub(super) fn jitter(seconds: u32, rhythm: &Rhythm) -> Result<Jitter, Problem> {
    Jitter::new(seconds, rhythm).ok_or_else(|| Problem::invalid("/jitter_seconds", "too_long"))
}

/// The caller, as the one in whose name a schedule starts.
pub(super) fn responsible(scope: &WorkspaceScope) -> Result<Responsible, Problem> {
    match scope.actor() {
        Actor::Principal { id, label } => Ok(Responsible {
            principal_id: *id,
            label: label.clone(),
        }),
        Actor::System(_) => Err(Problem::internal("a caller is a principal")),
    }
}
