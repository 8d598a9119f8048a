//! Reading a list page by page: the next link is followed unchanged, but only where it stays on
//! the same host and version, never twice, and never without end (Graph page "Paging Microsoft
//! Graph data in your app").

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
};

use provider_core::{ProviderFailure, ReasonCode};
use serde::{Deserialize, de::DeserializeOwned};
use url::Url;

use crate::{
    contracts::Contract,
    gateway::{Session, json},
};

/// More pages than any tenant has.
const MOST_PAGES: usize = 20_000;
/// Longer than any next link.
const LONGEST_LINK: usize = 16 << 10;

/// One object of a list.
pub(crate) trait Row: DeserializeOwned + Send {
    /// Its id at the provider.
    fn id(&self) -> &str;
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Body<T> {
    /// Required: a page without it is no page.
    value: Vec<T>,
    #[serde(default, rename = "@odata.nextLink")]
    next: Option<String>,
}

/// Some objects of a list.
pub(crate) struct Page<T> {
    /// May be empty though more pages follow.
    pub(crate) rows: Vec<T>,
    /// The list began anew: what was counted of it before is void.
    pub(crate) restarted: bool,
}

/// A list while it is read.
pub(crate) struct Pages<'s, 'a> {
    session: &'s Session<'a>,
    contract: &'static Contract,
    next: Option<Url>,
    restarted: bool,
    /// Hashes of the addresses that were read.
    visited: HashSet<u64>,
    /// Hashes of the ids that were given out: pages overlap when the list changes meanwhile.
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl<'s, 'a> Pages<'s, 'a> {
    pub(crate) fn new(session: &'s Session<'a>, contract: &'static Contract) -> Self {
        let first = contract.url(session.identity().endpoints.graph());
        Self {
            session,
            contract,
            next: Some(first),
            restarted: false,
            visited: HashSet::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// The next page; nothing after the last one. Hears before each page whether to go on.
    pub(crate) async fn next<T: Row>(&mut self) -> Result<Option<Page<T>>, ProviderFailure> {
        let Some(mut url) = self.next.take() else {
            return Ok(None);
        };
        self.session.pulse().beat().await?;
        let mut restarted = false;
        let body: Body<T> = loop {
            if !self.visited.insert(self.hasher.hash_one(url.as_str())) || self.visited.len() > MOST_PAGES {
                return Err(invalid());
            }
            match self.session.fetch(self.contract, &url, json).await? {
                Some(body) => break body,
                None if self.restarted => return Err(invalid()),
                None => {
                    tracing::debug!(
                        contract = self.contract.name(),
                        "the page token died, the list begins anew"
                    );
                    self.restarted = true;
                    restarted = true;
                    self.visited.clear();
                    self.seen.clear();
                    url = self.contract.url(self.session.identity().endpoints.graph());
                }
            }
        };
        if let Some(link) = body.next {
            let graph = self.session.identity().endpoints.graph();
            self.next = Some(follow(&link, graph, self.contract.version_prefix()).ok_or_else(invalid)?);
        }
        let rows = body
            .value
            .into_iter()
            .filter(|row| self.seen.insert(self.hasher.hash_one(row.id())))
            .collect();
        Ok(Some(Page { rows, restarted }))
    }
}

fn invalid() -> ProviderFailure {
    ProviderFailure::ended(ReasonCode::ProviderResponseInvalid)
}

/// The address of a next link, if it stays where the token may go: same scheme, host and port as
/// `graph`, a path below `prefix`, no user.
fn follow(link: &str, graph: &Url, prefix: &str) -> Option<Url> {
    let url = (link.len() <= LONGEST_LINK)
        .then(|| Url::parse(link).ok())
        .flatten()?;
    let home = url.scheme() == graph.scheme() && url.host() == graph.host();
    let port = url.port_or_known_default() == graph.port_or_known_default();
    let anonymous = url.username().is_empty() && url.password().is_none();
    (home && port && anonymous && url.path().starts_with(prefix)).then_some(url)
}

#[cfg(test)]
mod tests;
