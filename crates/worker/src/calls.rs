//! The calls that an attempt told of and that are not written down yet. Whoever writes them takes
//! them out, and they come back unless the write went through: nothing counts twice, and nothing
//! is lost because a write failed.

use std::{
    mem,
    sync::{Mutex, PoisonError},
};

use kernel::StoreError;
use operations::ClaimedRun;
use provider_core::{CallBatch, CallRecord};
use storage::{Storage, UnitOfWork};

/// What is to be written down. Outlives the task that works on the run.
#[derive(Default)]
pub(crate) struct CallBook(Mutex<CallBatch>);

impl CallBook {
    /// Notes a call.
    pub(crate) fn record(&self, call: CallRecord) {
        self.with(|calls| calls.push(call));
    }

    /// Whether others should hear of a pause that stands here alone.
    pub(crate) fn tells_of_a_pause(&self) -> bool {
        self.with(|calls| calls.tells_of_a_pause())
    }

    /// Takes everything out, to write it.
    pub(crate) fn take(&self) -> TakenCalls<'_> {
        TakenCalls {
            book: self,
            calls: self.with(mem::take),
        }
    }

    /// Writes what is there, beside the run: a call that was made was made, whoever holds the run.
    pub(crate) async fn flush(&self, storage: &dyn Storage, claimed: &ClaimedRun) -> Result<(), StoreError> {
        let taken = self.take();
        if taken.calls.is_empty() {
            return Ok(());
        }
        let mut unit = storage.begin().await?;
        taken.write(unit.as_mut(), claimed).await?;
        taken.commit(unit.commit()).await
    }

    fn with<T>(&self, act: impl FnOnce(&mut CallBatch) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Calls in the hands of whoever writes them. Dropped, they go back.
#[must_use]
pub(crate) struct TakenCalls<'a> {
    book: &'a CallBook,
    calls: CallBatch,
}

impl TakenCalls<'_> {
    /// Adds them to what ends a run, if the store takes them: a run must not fail because its calls
    /// cannot be counted. They go back then.
    pub(crate) async fn join(&mut self, unit: &mut dyn UnitOfWork, claimed: &ClaimedRun) {
        if let Err(error) = self.write(unit, claimed).await {
            tracing::warn!(run_id = %claimed.run.id, %error, "calls could not be counted with the end of a run");
            self.give_back();
        }
    }

    /// Adds them to the ledger and the log of the run's connection.
    async fn write(&self, unit: &mut dyn UnitOfWork, claimed: &ClaimedRun) -> Result<(), StoreError> {
        match claimed.run.target() {
            Some(target) if !self.calls.is_empty() => {
                let mut ledger = unit.calls();
                ledger
                    .add_calls(&claimed.scope, target.connection_id, claimed.run.id, &self.calls)
                    .await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Commits the unit that they were written in: `commit` is what [`UnitOfWork::commit`] gives. A commit that
    /// is on its way arrives even if the caller goes away meanwhile, so from here on only a refusal puts
    /// them back.
    pub(crate) async fn commit(
        mut self,
        commit: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let calls = mem::take(&mut self.calls);
        let committed = commit.await;
        if committed.is_err() {
            self.calls = calls;
        }
        committed
    }

    fn give_back(&mut self) {
        let calls = mem::take(&mut self.calls);
        if !calls.is_empty() {
            self.book.with(|later| later.put_back(calls));
        }
    }
}

impl Drop for TakenCalls<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
#[path = "calls/tests.rs"]
mod tests;
