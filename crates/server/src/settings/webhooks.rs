//! Where webhooks may lead beside public addresses.

use serde::Deserialize;
use webhooks::DestinationPolicy;

use super::SettingsError;

/// Webhooks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Private ranges that receivers may be in, such as `10.1.0.0/16`.
    pub allowed_private_destinations: Vec<String>,
}

impl WebhookSettings {
    /// The policy of these settings.
    pub fn policy(&self) -> Result<DestinationPolicy, SettingsError> {
        let read = |text: &String| {
            text.parse().map_err(|_| SettingsError::Range {
                key: "webhooks.allowed_private_destinations",
                range: "a list of ranges such as \"10.1.0.0/16\", with no bits behind the prefix",
            })
        };
        let networks = self
            .allowed_private_destinations
            .iter()
            .map(read)
            .collect::<Result<_, _>>()?;
        Ok(DestinationPolicy::with_private(networks))
    }
}
