//! When credentials end, as callers see it.

use kernel::Timestamp;
use provider_core::{CalendarEntry, ScopeRules};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::connection::CredentialView;

/// Credentials by their end.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExpiryCalendar {
    /// Stored credentials, those that end first at the beginning, those whose end nobody knows at
    /// the end.
    pub(crate) items: Vec<ExpiryView>,
    /// The credentials of the installation's own clients; the same on each page.
    pub(crate) platform: Vec<PlatformExpiryView>,
    /// Where to read on; nothing on the last page.
    pub(crate) next_cursor: Option<String>,
}

/// A stored credential and its end.
#[derive(Serialize, ToSchema)]
#[schema(as = CredentialExpiry)]
pub(crate) struct ExpiryView {
    /// The connection.
    connection_id: Uuid,
    /// Its environment.
    environment_id: Uuid,
    /// Its name.
    connection_name: String,
    /// `current`, `next` or `previous`.
    #[schema(example = "current")]
    stage: &'static str,
    /// The credential.
    credential: CredentialView,
    /// Whole days that are left; negative when it is over, nothing when nobody told the end.
    days_left: Option<i64>,
}

/// A credential of the installation's own and its end.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformCredentialExpiry)]
pub(crate) struct PlatformExpiryView {
    /// The provider's key.
    provider: String,
    /// Which of the provider's separate installations it is for, in the provider's words.
    realm: String,
    /// The credential.
    credential: CredentialView,
    /// Whole days that are left; negative when it is over, nothing when nobody told the end.
    days_left: Option<i64>,
}

impl ExpiryView {
    /// The entry as it stands at `now`.
    pub(crate) fn of(entry: &CalendarEntry, now: Timestamp) -> Self {
        let CalendarEntry {
            connection_id,
            environment_id,
            connection_name,
            credential,
        } = entry;
        Self {
            connection_id: connection_id.as_uuid(),
            environment_id: environment_id.as_uuid(),
            connection_name: connection_name.as_str().to_owned(),
            stage: credential.stage.as_str(),
            credential: CredentialView::of(credential, now),
            days_left: days_left(credential.expires_at, now),
        }
    }
}

impl PlatformExpiryView {
    /// Those of all clients that are configured.
    pub(crate) fn all(rules: &dyn ScopeRules, now: Timestamp) -> Vec<Self> {
        let of = |realm: String| {
            rules.platform_client(&realm).map(|client| Self {
                provider: rules.provider().into(),
                realm,
                credential: CredentialView::of_platform(&client, now),
                days_left: days_left(client.expires_at, now),
            })
        };
        rules.platform_realms().into_iter().filter_map(of).collect()
    }
}

fn days_left(end: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    end.map(|end| (end - now).num_milliseconds().div_euclid(DAY))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn days_are_whole_and_negative_once_it_is_over() {
        let now = Timestamp::default();
        for (hours, days) in [(48, 2), (47, 1), (1, 0), (0, 0), (-1, -1), (-25, -2)] {
            assert_eq!(days_left(Some(now + TimeDelta::hours(hours)), now), Some(days));
        }
        assert_eq!(days_left(None, now), None);
    }
}
