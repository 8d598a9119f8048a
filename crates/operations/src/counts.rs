//! Counts of a run: numbers only, under keys from one list.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A key of a count. Append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountKey {
    /// Everything that was looked at.
    Total,
    /// What is as it should be.
    Succeeded,
    /// What is not.
    Failed,
    /// What was left out, for a reason that the context names.
    Skipped,
    /// Seen for the first time.
    Created,
    /// Seen before, and changed since.
    Updated,
    /// Seen before, and the same.
    Unchanged,
    /// Removed because it was older than it is kept, all kinds together.
    Pruned,
    /// Of these: events of the stream.
    PrunedEvents,
    /// Attempts at calls.
    PrunedCallAttempts,
    /// Entries of connections' histories.
    PrunedConnectionHistory,
    /// Consent links.
    PrunedConsentLinks,
    /// Notes of announced ends.
    PrunedExpiryNotices,
    /// Compliance snapshots.
    PrunedSnapshots,
    /// Runs.
    PrunedRuns,
    /// Audit events.
    PrunedAuditEvents,
    /// Kept answers to named requests.
    PrunedIdempotencyRecords,
    /// Deliveries to webhooks, with their attempts.
    PrunedWebhookDeliveries,
    /// Notifications.
    PrunedNotifications,
}

/// The counts of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SummaryCounts(BTreeMap<CountKey, u64>);

impl SummaryCounts {
    /// Adds `amount` to the count of `key`.
    pub fn add(&mut self, key: CountKey, amount: u64) {
        let count = self.0.entry(key).or_default();
        *count = count.saturating_add(amount);
    }

    /// The count of `key`; 0 if nothing was counted.
    pub fn get(&self, key: CountKey) -> u64 {
        self.0.get(&key).copied().unwrap_or_default()
    }

    /// The keys that were counted.
    pub fn keys(&self) -> impl Iterator<Item = CountKey> {
        self.0.keys().copied()
    }
}
