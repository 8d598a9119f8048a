//! How long facts about connections count, and when ends of credentials are announced.

use chrono::TimeDelta;
use provider_core::UpkeepSettings;
use serde::Deserialize;

use super::SettingsError;

/// Connections and their credentials.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSettings {
    /// After how many days without a check what was verified does not count any more.
    pub stale_after_days: u16,
    /// How many days a credential is kept after another one was promoted.
    pub keep_previous_credential_days: u16,
    /// How many days before its end a credential is announced, each once.
    pub expiry_notice_days: Vec<u16>,
}

impl ConnectionSettings {
    /// After how long what was verified does not count any more.
    pub fn stale_after(&self) -> TimeDelta {
        TimeDelta::days(i64::from(self.stale_after_days))
    }

    /// How long a credential is kept after another one was promoted.
    pub fn keep_previous(&self) -> TimeDelta {
        TimeDelta::days(i64::from(self.keep_previous_credential_days))
    }

    /// What the upkeep goes by.
    pub fn upkeep(&self) -> UpkeepSettings {
        UpkeepSettings {
            notice_days: self.expiry_notice_days.clone(),
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
            (1..=3650).contains(&self.stale_after_days),
            "connections.stale_after_days",
            "1 to 3650",
        )?;
        range(
            self.keep_previous_credential_days <= 365,
            "connections.keep_previous_credential_days",
            "0 to 365",
        )?;
        let days = &self.expiry_notice_days;
        range(
            days.len() <= 10 && days.iter().all(|days| (1..=365).contains(days)),
            "connections.expiry_notice_days",
            "up to 10 numbers from 1 to 365",
        )
    }
}
