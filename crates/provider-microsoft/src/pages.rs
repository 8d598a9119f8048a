//! Reading a list page by page: the next link is followed unchanged, but only where it stays on
//! the same host and call, never twice, and never without end (Graph page "Paging Microsoft Graph
//! data in your app"). Memory does not grow with the number of objects.

mod body;
mod window;

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
};

use provider_core::{ProviderFailure, ReasonCode};
use serde::de::DeserializeOwned;
use url::Url;
use uuid::Uuid;

use self::window::Window;
use crate::{
    contracts::{ById, Contract},
    gateway::{Place, Session},
};

/// More pages than any tenant has.
const MOST_PAGES: u32 = 20_000;
/// More pages in a row without anything new than any list has.
const MOST_BARREN: u32 = 100;
/// Longer than any next link.
const LONGEST_LINK: usize = 16 << 10;

/// One object of a list.
pub(crate) trait Row: DeserializeOwned + Send {
    /// Its id at the provider.
    fn id(&self) -> &str;
}

/// Some objects of a list.
pub(crate) struct Page<T> {
    /// May be empty though more pages follow.
    pub(crate) rows: Vec<T>,
    /// How many objects of the page could not be read.
    pub(crate) skipped: u64,
    /// The list began anew: what was counted of it before is void.
    pub(crate) restarted: bool,
}

/// A list while it is read.
pub(crate) struct Pages<'s, 'a> {
    session: &'s Session<'a>,
    contract: &'static Contract,
    /// Where the list begins, and begins anew.
    first: Url,
    /// Whether that address names an object, so that the contract alone does not make it.
    of_object: bool,
    next: Next,
    /// How often the list may begin anew.
    restarts: u8,
    /// How many pages were asked for since it last began.
    asked: u32,
    barren: u32,
    /// Hashes of the addresses that were read. As many as there are pages, at the most.
    visited: HashSet<u64>,
    latest: Window,
    hasher: RandomState,
}

enum Next {
    First,
    Link(Url),
    End,
}

impl<'s, 'a> Pages<'s, 'a> {
    pub(crate) fn new(session: &'s Session<'a>, contract: &'static Contract) -> Self {
        let first = contract.url(session.identity().endpoints.graph());
        Self {
            session,
            contract,
            first,
            of_object: false,
            next: Next::First,
            restarts: 1,
            asked: 0,
            barren: 0,
            visited: HashSet::new(),
            latest: Window::default(),
            hasher: RandomState::new(),
        }
    }

    /// The list that belongs to the object `id`.
    pub(crate) fn of(session: &'s Session<'a>, call: &'static ById, id: Uuid) -> Self {
        Self {
            first: call.url(session.identity().endpoints.graph(), id),
            of_object: true,
            ..Self::new(session, call.contract())
        }
    }

    /// Goes on at `link`, as an earlier attempt left it after `asked` pages. Nothing if the link
    /// does not lead where this list is.
    pub(crate) fn resumed(
        session: &'s Session<'a>,
        contract: &'static Contract,
        link: &str,
        asked: u32,
    ) -> Option<Self> {
        let mut pages = Self::new(session, contract);
        let url = follow(link, &pages.first)?;
        // That an old link has died is no surprise, and costs none of the usual patience.
        pages.restarts += 1;
        pages.asked = asked;
        pages.next = Next::Link(url);
        Some(pages)
    }

    /// Where the next page is, if there is one beyond the first.
    pub(crate) fn link(&self) -> Option<&str> {
        match &self.next {
            Next::Link(url) => Some(url.as_str()),
            Next::First | Next::End => None,
        }
    }

    /// How many pages were asked for.
    pub(crate) const fn asked(&self) -> u32 {
        self.asked
    }

    /// The next page; nothing after the last one. Hears before each page whether to go on.
    pub(crate) async fn next<T: Row>(&mut self) -> Result<Option<Page<T>>, ProviderFailure> {
        if matches!(self.next, Next::End) {
            return Ok(None);
        }
        self.session.pulse().beat().await?;
        let mut restarted = false;
        let body = loop {
            self.step()?;
            let place = match &self.next {
                Next::Link(url) => Place::Link(url),
                Next::First | Next::End if self.of_object => Place::Link(&self.first),
                Next::First | Next::End => Place::First,
            };
            match self.session.fetch(self.contract, place, body::read::<T>).await? {
                Some(body) => break body,
                None if self.restarts == 0 => return Err(invalid()),
                None => {
                    restarted = true;
                    self.restart();
                }
            }
        };
        self.next = match body.next {
            Some(link) => Next::Link(follow(&link, &self.first).ok_or_else(invalid)?),
            None => Next::End,
        };
        let (latest, hasher) = (&mut self.latest, &self.hasher);
        let mut rows = body.rows;
        rows.retain(|row| latest.insert(hasher.hash_one(row.id())));
        self.barren = if rows.is_empty() { self.barren + 1 } else { 0 };
        if self.barren >= MOST_BARREN {
            return Err(invalid());
        }
        Ok(Some(Page {
            rows,
            skipped: body.skipped,
            restarted,
        }))
    }

    /// Counts the next request; refused if its address was there before, or there were too many.
    fn step(&mut self) -> Result<(), ProviderFailure> {
        let hash = match &self.next {
            Next::Link(url) => self.hasher.hash_one(url.as_str()),
            Next::First | Next::End => self.hasher.hash_one(self.first.as_str()),
        };
        self.asked += 1;
        if self.asked > MOST_PAGES || !self.visited.insert(hash) {
            return Err(invalid());
        }
        Ok(())
    }

    fn restart(&mut self) {
        let contract = self.contract.name();
        tracing::debug!(contract, "the page token died, the list begins anew");
        self.restarts -= 1;
        self.asked = 0;
        self.barren = 0;
        self.visited.clear();
        self.latest.clear();
        self.next = Next::First;
    }
}

fn invalid() -> ProviderFailure {
    ProviderFailure::ended(ReasonCode::ProviderResponseInvalid)
}

/// The address of a next link, if it stays where the token may go and with the call that was
/// made: same scheme, host, port and path as the `first` address, no user, no fragment.
fn follow(link: &str, first: &Url) -> Option<Url> {
    let url = (link.len() <= LONGEST_LINK)
        .then(|| Url::parse(link).ok())
        .flatten()?;
    let home = url.scheme() == first.scheme() && url.host() == first.host();
    let port = url.port_or_known_default() == first.port_or_known_default();
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let path = url.path().eq_ignore_ascii_case(first.path());
    (home && port && plain && path).then_some(url)
}

#[cfg(test)]
mod tests;
