//! One look: number what waits, then ask about everything that is watched, a few statements for all watchers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use kernel::StoreError;
use operations::OperationRun;
use storage::RunMark;
use tenancy::WorkspaceId;
use tokio::time::Instant;

use super::{
    frame::Framed,
    hub::{Hub, RunKey, Seen, locked},
};

/// How many events one statement reads.
const PAGE: u32 = 200;
/// How many things one statement asks about: databases take tens of thousands of parameters.
const MANY: usize = 10_000;
/// A membership that could not be read for this long does not count.
const PATIENCE: Duration = Duration::from_mins(1);

impl Hub {
    /// Looks once. `false` if the store did not answer to something.
    pub(super) async fn look(&self) -> bool {
        let published = self.publisher.publish().await;
        let streams = self.look_at_streams().await;
        let runs = self.look_at_runs().await;
        let members = if self.seats.is_due(self.settings.recheck) {
            self.seats.check(&*self.store, PATIENCE).await
        } else {
            Ok(())
        };
        let outcomes = [published.map(drop), streams, runs, members];
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            tracing::warn!(%error, "a look for watchers failed");
        }
        outcomes.iter().all(Result::is_ok)
    }

    async fn look_at_streams(&self) -> Result<(), StoreError> {
        let watched: Vec<(WorkspaceId, u64)> = {
            let mut streams = locked(&self.streams);
            streams.retain(|_, stream| stream.watchers.receiver_count() > 0);
            streams
                .iter()
                .map(|(id, stream)| (*id, stream.position))
                .collect()
        };
        let mut failed = None;
        for part in watched.chunks(MANY) {
            let ids: Vec<_> = part.iter().map(|(id, _)| *id).collect();
            let ends = self.store.stream_ends(&ids).await?;
            let ends: HashMap<_, _> = ends
                .iter()
                .map(|end| (end.workspace_id, end.last_sequence))
                .collect();
            for (workspace, position) in part {
                if ends.get(workspace).is_some_and(|last| last > position) {
                    // One stream that cannot be read does not silence the others.
                    failed = self.pass_on(*workspace, *position).await.err().or(failed);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn pass_on(&self, workspace: WorkspaceId, mut position: u64) -> Result<(), StoreError> {
        loop {
            let events = self.store.events_after(workspace, position, PAGE).await?;
            let full = events.len() == PAGE as usize;
            let Some(last) = events.last().map(|event| event.sequence) else {
                return Ok(());
            };
            // Whoever is no member any more is not told what happened with that.
            if events.iter().any(|event| event.kind.starts_with("member.")) {
                self.seats.check_in(&[workspace].into(), &*self.store).await?;
            }
            let framed = events
                .into_iter()
                .filter_map(|event| Framed::of(event).ok())
                .collect();
            let mut streams = locked(&self.streams);
            let Some(stream) = streams.get_mut(&workspace) else {
                return Ok(());
            };
            stream.position = last;
            position = last;
            // Nobody may be left; then nobody misses anything.
            let _ = stream.watchers.send(Arc::new(framed));
            if !full {
                return Ok(());
            }
        }
    }

    async fn look_at_runs(&self) -> Result<(), StoreError> {
        let watched: Vec<RunKey> = {
            let mut runs = locked(&self.runs);
            runs.retain(|_, run| run.watchers.receiver_count() > 0);
            runs.keys().copied().collect()
        };
        for part in watched.chunks(MANY) {
            let marks = self.store.run_marks(part).await?;
            let (changed, at) = self.changed(part, marks);
            if changed.is_empty() {
                continue;
            }
            let seen = self.read_for_members(&changed).await;
            let mut runs = locked(&self.runs);
            match seen {
                Ok(seen) => {
                    for run in seen {
                        if let Some(watched) = runs.get(&(run.workspace_id, run.id)) {
                            let run = Arc::new(run);
                            watched.watchers.send_replace(Some(Seen { run, at }));
                        }
                    }
                }
                Err(error) => {
                    // The next look asks again.
                    for key in &changed {
                        if let Some(run) = runs.get_mut(key) {
                            run.wanted = true;
                        }
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Reads these runs, and then who may hear of them: whoever is no member any more does not.
    async fn read_for_members(&self, changed: &[RunKey]) -> Result<Vec<OperationRun>, StoreError> {
        let runs = self.store.runs(changed).await?;
        let workspaces = changed.iter().map(|(workspace, _)| *workspace).collect();
        self.seats.check_in(&workspaces, &*self.store).await?;
        Ok(runs)
    }

    /// The runs that are to be read, and when that was decided. Watchers of a run that is gone hear it.
    fn changed(&self, part: &[RunKey], marks: Vec<RunMark>) -> (Vec<RunKey>, Instant) {
        let mut runs = locked(&self.runs);
        let mut changed = Vec::new();
        let mut marks: HashMap<_, _> = marks
            .into_iter()
            .map(|mark| ((mark.workspace_id, mark.id), mark))
            .collect();
        for key in part {
            let Some(mark) = marks.remove(key) else {
                runs.remove(key);
                continue;
            };
            let Some(run) = runs.get_mut(key) else { continue };
            if run.wanted || run.mark.as_ref() != Some(&mark) {
                run.wanted = false;
                run.mark = Some(mark);
                changed.push(*key);
            }
        }
        (changed, Instant::now())
    }
}
