//! Finding a tenant: from a domain name or an id to the tenant's id and to the cloud in which it
//! lives, with the metadata that everybody may read (OpenID Connect Discovery 1.0; identity platform
//! page "OpenID Connect on the Microsoft identity platform").
//!
//! Reads strictly: a GUID and nothing else is a tenant, the hosts are those of the table of clouds
//! and no others. Knows no token, no credential and no store.

mod document;

use kernel::{IdSource, Timestamp};
use provider_core::ReasonCode;
use uuid::Uuid;

use self::document::Document;
use crate::{
    cloud::{Cloud, EndpointOverride, Endpoints},
    errors::entra,
    gateway::seen::Seen,
    http::{ClientError, Door},
};

/// A tenant that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discovery {
    /// The tenant's id: what identifies it everywhere.
    pub tenant: Uuid,
    /// The cloud in which it lives.
    pub cloud: Cloud,
}

/// Why no tenant was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// Neither a domain name nor the id of a tenant.
    #[error("this is neither a domain name nor the id of a tenant")]
    InvalidName,
    /// Nobody has this name.
    #[error("no tenant has this name")]
    NotFound,
    /// The tenant lives somewhere else than where it was asked for.
    #[error("the tenant lives in another cloud")]
    Elsewhere,
    /// The answer is not the metadata of one tenant, or leads to hosts that are not known.
    #[error("the answer is not the metadata of a tenant")]
    Unreadable,
    /// No answer that could be read at all.
    #[error("the metadata cannot be had at present: {}", .0.as_str())]
    Unavailable(ReasonCode),
}

/// Looks for `name`, a domain name or a tenant's id, in `first` and then in the other clouds.
/// `instead` stands in for all their hosts, in demos and tests.
///
/// # Errors
/// The HTTP client could not be made. Everything else is in the inner result: where one cloud did
/// not answer, the name may still be there, so that is told rather than "not found".
pub async fn discover(
    name: &str,
    first: Cloud,
    instead: Option<&EndpointOverride>,
    ids: &dyn IdSource,
) -> Result<Result<Discovery, DiscoveryError>, ClientError> {
    let door = Door::new(instead.is_some_and(EndpointOverride::is_plain))?;
    let mut asked: Vec<&str> = Vec::new();
    let mut outcome = DiscoveryError::NotFound;
    for cloud in [first].into_iter().chain(Cloud::ALL) {
        if asked.contains(&cloud.login_host()) {
            continue;
        }
        asked.push(cloud.login_host());
        let endpoints = Endpoints::of(cloud, instead);
        let request = Request {
            door: &door,
            cloud,
            endpoints: &endpoints,
        };
        match request.send(name, ids.next_uuid()).await.found {
            Ok(found) => return Ok(Ok(found)),
            Err(DiscoveryError::InvalidName) => return Ok(Err(DiscoveryError::InvalidName)),
            Err(DiscoveryError::NotFound) => {}
            Err(other) if outcome == DiscoveryError::NotFound => outcome = other,
            Err(_) => {}
        }
    }
    Ok(Err(outcome))
}

/// One question to one cloud.
pub(crate) struct Request<'a> {
    pub(crate) door: &'a Door,
    pub(crate) cloud: Cloud,
    pub(crate) endpoints: &'a Endpoints,
}

/// What it brought.
pub(crate) struct Reply {
    pub(crate) found: Result<Discovery, DiscoveryError>,
    /// What time the other side had, if it said so.
    pub(crate) date: Option<Timestamp>,
    /// How long it asked to wait, as it said it.
    pub(crate) retry_after: Option<String>,
    /// What is kept of the answer for the records.
    pub(crate) seen: Seen,
}

impl Reply {
    /// Without an answer.
    fn none(error: DiscoveryError) -> Self {
        Self {
            found: Err(error),
            date: None,
            retry_after: None,
            seen: Seen::default(),
        }
    }
}

impl DiscoveryError {
    /// The reason that it is for whoever looks for one tenant by its id.
    pub(crate) const fn reason(self) -> ReasonCode {
        match self {
            Self::NotFound => ReasonCode::ProviderTargetNotFound,
            Self::Elsewhere => ReasonCode::ProviderRealmMismatch,
            Self::Unavailable(reason) => reason,
            Self::Unreadable | Self::InvalidName => ReasonCode::ProviderResponseInvalid,
        }
    }
}

impl Request<'_> {
    /// Asks once.
    pub(crate) async fn send(&self, name: &str, request_id: Uuid) -> Reply {
        let Some(name) = canonical(name) else {
            return Reply::none(DiscoveryError::InvalidName);
        };
        let mut url = self.endpoints.login().clone();
        url.set_path(&format!("/{name}/v2.0/.well-known/openid-configuration"));
        let answer = self.door.get_public(url, request_id).await;
        let seen = Seen::sign_in(&answer);
        match answer {
            Err(error) => {
                tracing::debug!(contract = "discovery", error = %error, "no answer");
                Reply::none(DiscoveryError::Unavailable(error.reason()))
            }
            Ok(answer) => {
                tracing::debug!(contract = "discovery", status = answer.status, request_id = ?answer.request_id);
                let found = if answer.is_success() {
                    Document::read(&answer.body, self.cloud, self.endpoints)
                } else {
                    Err(refused(answer.status, &answer.body))
                };
                Reply {
                    found: found.and_then(|found| same(found, &name)),
                    date: answer.date,
                    retry_after: answer.retry_after,
                    seen,
                }
            }
        }
    }
}

/// A tenant that was asked for by its id has that id.
fn same(found: Discovery, name: &str) -> Result<Discovery, DiscoveryError> {
    match Uuid::try_parse(name) {
        Ok(asked) if asked != found.tenant => Err(DiscoveryError::Unreadable),
        Ok(_) | Err(_) => Ok(found),
    }
}

fn refused(status: u16, body: &[u8]) -> DiscoveryError {
    let reason = entra::classify(status, body);
    if reason == ReasonCode::ProviderTargetNotFound {
        DiscoveryError::NotFound
    } else if reason == ReasonCode::ProviderRealmMismatch {
        DiscoveryError::Elsewhere
    } else {
        DiscoveryError::Unavailable(reason)
    }
}

/// A domain name of at least two labels or a GUID, in lower case; nothing for any other text, so
/// that `common` and its like are no tenants and nothing can change the address.
fn canonical(name: &str) -> Option<String> {
    let name = name.trim().to_ascii_lowercase();
    if let Some(id) = crate::scope::guid(&name) {
        return Some(id.hyphenated().to_string());
    }
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let edges = label.starts_with('-') || label.ends_with('-');
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !edges
    };
    let domain = name.len() <= 253 && name.contains('.') && name.split('.').all(label);
    domain.then_some(name)
}

#[cfg(test)]
mod tests;
