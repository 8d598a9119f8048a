//! `GET /api/v1/workspaces/{workspace_id}/connections`

use std::collections::BTreeMap;

use actix_web::{get, web::Json};
use chrono::{DateTime, Utc};
use kernel::Timestamp;
use provider_core::{
    ConnectionFilter, ConsentState, PlatformRealm, ProviderKey, Readiness, ReasonCode, SummaryFilter, Tags,
    VerificationState,
};
use serde::Deserialize;
use tenancy::EnvironmentId;
use utoipa::IntoParams;

use crate::{
    ApiState,
    auth::{guard::Guard, permission::ViewConnections},
    input::{Query, word},
    lists::List,
    problem::Problem,
    views::connection::{ConnectionList, ConnectionView},
};

/// Which connections. Each filter narrows further.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConnectionQuery {
    /// How many items the page may hold.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
    /// Where to read on: `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
    /// Of this environment.
    #[param(value_type = Option<Uuid>)]
    environment_id: Option<EnvironmentId>,
    /// To this provider.
    provider: Option<String>,
    /// Whose summary says `ready`, `degraded`, `blocked` or `unknown`.
    #[param(example = "blocked")]
    readiness: Option<String>,
    /// With this consent: `unknown`, `required`, `granted`, `failed` or `revoked`.
    #[param(example = "required")]
    consent: Option<String>,
    /// With this verification: `unknown`, `pending`, `healthy`, `degraded`, `blocked` or `error`.
    #[param(example = "healthy")]
    verification: Option<String>,
    /// With a credential, current or next, that ends before this (RFC 3339).
    expires_before: Option<DateTime<Utc>>,
    /// Whose summary or axes give this reason, a code of `GET /api/v1/reason-codes`.
    #[param(example = "provider_consent_missing")]
    reason_code: Option<String>,
    /// With this tag: its key, a colon and its value.
    #[param(example = "tier:gold")]
    tag: Option<String>,
}

/// List connections
///
/// Oldest first. The requirements stand on the single connection only.
#[utoipa::path(
    tag = "connections",
    params(ConnectionQuery),
    responses(
        (status = 200, description = "A page", body = ConnectionList),
        (status = 400, description = "cursor_invalid"),
    ),
)]
#[get("/api/v1/workspaces/{workspace_id}/connections")]
pub(crate) async fn list_connections(
    guard: Guard<ViewConnections>,
    query: Query<ConnectionQuery>,
) -> Result<Json<ConnectionList>, Problem> {
    let query = query.read()?;
    let (state, now) = (&guard.state, guard.state.clock.now());
    let filter = query.filter(state, now)?;
    let list = query.bind(guard.list("connections"));
    let request = list.request(query.limit, query.cursor.as_deref())?;
    let session = state.storage.read().await?;
    let page = session
        .connections()
        .list(&guard.scope, &filter, request)
        .await?
        .map(|connection| ConnectionView::of(state, &connection, now));
    Ok(Json(ConnectionList {
        next_cursor: list.cursor(page.next),
        items: page.items,
    }))
}

impl ConnectionQuery {
    /// A cursor serves the list with the same filters.
    fn bind(&self, list: List) -> List {
        list.filtered(self.environment_id.as_ref())
            .filtered(self.provider.as_ref())
            .filtered(self.readiness.as_ref())
            .filtered(self.consent.as_ref())
            .filtered(self.verification.as_ref())
            .filtered(self.expires_before.as_ref())
            .filtered(self.reason_code.as_ref())
            .filtered(self.tag.as_ref())
    }

    fn filter(&self, state: &ApiState, now: Timestamp) -> Result<ConnectionFilter, Problem> {
        let readiness = word("readiness", self.readiness.as_deref(), Readiness::parse)?;
        let reason_code = word("reason_code", self.reason_code.as_deref(), known_reason)?;
        let asks_the_summary = readiness.is_some() || reason_code.is_some();
        Ok(ConnectionFilter {
            environment_id: self.environment_id,
            provider: word("provider", self.provider.as_deref(), |text| {
                ProviderKey::new(text).ok()
            })?,
            consent: word("consent", self.consent.as_deref(), ConsentState::parse)?,
            verification: word(
                "verification",
                self.verification.as_deref(),
                VerificationState::parse,
            )?,
            expires_before: self.expires_before,
            tag: word("tag", self.tag.as_deref(), tag)?,
            summary: asks_the_summary.then(|| SummaryFilter {
                readiness,
                reason_code,
                now,
                stale_after: state.settings.stale_after,
                platform: PlatformRealm::all(&*state.rules),
            }),
        })
    }
}

/// A code of the catalogue. The catalogue itself takes any text for the code of the unknown.
fn known_reason(text: &str) -> Option<ReasonCode> {
    Some(ReasonCode::parse(text)).filter(|code| code.as_str() == text)
}

/// `key:value`. Keys hold no colon; values may.
fn tag(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once(':')?;
    let tags = Tags::new(BTreeMap::from([(key.to_owned(), value.to_owned())])).ok()?;
    let (key, value) = tags.as_map().first_key_value()?;
    Some((key.clone(), value.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_key_and_a_value() {
        let own = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
        assert_eq!(tag("tier:gold"), own("tier", "gold"));
        assert_eq!(tag("team/region:North: all"), own("team/region", "North: all"));
        for text in ["", "tier", "tier:", ":gold", "Tier:gold", "tier:a\u{0}"] {
            assert_eq!(tag(text), None, "{text}");
        }
    }

    #[test]
    fn a_reason_is_one_of_the_catalogue() {
        assert_eq!(
            known_reason("provider_consent_missing"),
            Some(ReasonCode::ProviderConsentMissing)
        );
        assert_eq!(known_reason("unknown_error"), Some(ReasonCode::UnknownError));
        assert_eq!(known_reason("no_such_reason"), None);
    }
}
