//! When people may step in where a run does not end by itself.

use std::time::Duration;

use operations::ActionTimes;
use serde::Deserialize;

use super::SettingsError;

/// Operation runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationSettings {
    /// How long a run that was asked to end may take to do so before it can be forced, in seconds.
    pub force_cancel_after_seconds: u32,
    /// How long a run must have waited for a worker before it can be released, in seconds.
    pub release_after_seconds: u32,
}

impl OperationSettings {
    /// What the API goes by.
    pub fn action_times(&self) -> ActionTimes {
        ActionTimes {
            force_cancel_after: Duration::from_secs(self.force_cancel_after_seconds.into()),
            release_after: Duration::from_secs(self.release_after_seconds.into()),
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
            (1..=86_400).contains(&self.force_cancel_after_seconds),
            "operations.force_cancel_after_seconds",
            "1 to 86400",
        )?;
        range(
            (1..=2_592_000).contains(&self.release_after_seconds),
            "operations.release_after_seconds",
            "1 to 2592000",
        )
    }
}
