//! How long histories are kept.

use std::time::Duration;

use operations::{KeepDays, RetentionSettings};
use serde::Deserialize;

use super::SettingsError;

/// Days for which each history is kept; 0 keeps it for ever.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionSection {
    /// How often each workspace is looked after, in hours.
    pub every_hours: u16,
    /// Runs that are over.
    pub runs_days: u16,
    /// Events of the feed.
    pub events_days: u16,
    /// Audit events.
    pub audit_events_days: u16,
    /// Compliance snapshots.
    pub snapshots_days: u16,
    /// Histories of connections.
    pub connection_history_days: u16,
    /// Attempts at calls that went wrong.
    pub call_attempts_days: u16,
    /// Deliveries to webhooks that are finished, with their attempts.
    pub webhook_deliveries_days: u16,
    /// Notifications.
    pub notifications_days: u16,
    /// Kept answers to named requests, counted from the end of their time.
    pub idempotency_records_days: u16,
    /// Consent links and notes of announced ends, counted from the end of their time.
    pub expired_days: u16,
}

impl RetentionSection {
    /// What the worker goes by.
    pub fn numbers(&self) -> RetentionSettings {
        let days = |days: u16| (days > 0).then_some(days);
        RetentionSettings {
            keep: KeepDays {
                runs: days(self.runs_days),
                events: days(self.events_days),
                audit_events: days(self.audit_events_days),
                snapshots: days(self.snapshots_days),
                connection_history: days(self.connection_history_days),
                call_attempts: days(self.call_attempts_days),
                webhook_deliveries: days(self.webhook_deliveries_days),
                notifications: days(self.notifications_days),
                idempotency_records: days(self.idempotency_records_days),
                expired: days(self.expired_days),
            },
            every: Duration::from_hours(u64::from(self.every_hours)),
            ..RetentionSettings::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let range = |holds: bool, key: &'static str, range: &'static str| {
            if holds {
                Ok(())
            } else {
                Err(SettingsError::Range { key, range })
            }
        };
        range(
            (1..=720).contains(&self.every_hours),
            "retention.every_hours",
            "1 to 720",
        )?;
        let days = [
            (self.runs_days, "retention.runs_days"),
            (self.events_days, "retention.events_days"),
            (self.audit_events_days, "retention.audit_events_days"),
            (self.snapshots_days, "retention.snapshots_days"),
            (self.connection_history_days, "retention.connection_history_days"),
            (self.call_attempts_days, "retention.call_attempts_days"),
            (self.webhook_deliveries_days, "retention.webhook_deliveries_days"),
            (self.notifications_days, "retention.notifications_days"),
            (
                self.idempotency_records_days,
                "retention.idempotency_records_days",
            ),
            (self.expired_days, "retention.expired_days"),
        ];
        for (days, key) in days {
            range(days <= 36_500, key, "0 to 36500")?;
        }
        Ok(())
    }
}
