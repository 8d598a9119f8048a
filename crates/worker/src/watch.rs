//! The watch over one run from outside of its task: a panic ends the run and nothing else, and a run that
//! never yields, so that its own task cannot stop it, is given up.

use std::{sync::Arc, time::Duration};

use operations::ClaimedRun;
use provider_core::ReasonCode;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Worker,
    calls::CallBook,
    execution::execute,
    finish::{Leave, Work},
    stop::PATIENCE,
};

impl Worker {
    /// Executes a run in a task of its own. Returns that task if it could not be stopped.
    pub(crate) async fn contain(
        &self,
        claimed: ClaimedRun,
        asked_at: Instant,
        hand_back: CancellationToken,
    ) -> Option<JoinHandle<()>> {
        fail::fail_point!("worker.after_claim");
        let calls = Arc::new(CallBook::default());
        let (parts, copy, told) = (Arc::clone(&self.parts), claimed.clone(), Arc::clone(&calls));
        let stop = hand_back.clone();
        let mut task = tokio::spawn(async move {
            let work = Work {
                parts: &parts,
                claimed: &copy,
                calls: &told,
                asked_at,
            };
            execute(work, &stop).await;
        });
        let work = Work {
            parts: &self.parts,
            claimed: &claimed,
            calls: &calls,
            asked_at,
        };
        let run_id = claimed.run.id;
        let leave = tokio::select! {
            ended = &mut task => {
                let Err(error) = ended else { return None };
                tracing::error!(%run_id, panicked = error.is_panic(), "a run broke its task");
                work.leave(Leave::Fail(ReasonCode::InternalError)).await;
                return None;
            }
            () = sleep_until(work.deadline() + PATIENCE) => Leave::Fail(ReasonCode::RunTimeout),
            () = async { hand_back.cancelled().await; sleep_until(Instant::now() + self.patience_at_the_end()).await } => {
                Leave::HandBack(Duration::ZERO, None)
            }
        };
        // It ends at its next await. If it never comes to one, its thread is lost until it does; its
        // signs of life have stopped with it, and what it still writes is refused.
        task.abort();
        tracing::error!(%run_id, "a run does not stop when it is told to: it is given up");
        work.leave(leave).await;
        Some(task)
    }
}
