//! A browser, as far as consent pages can tell: it keeps cookies by origin, shows what it is sent,
//! and goes where it is led only when the test says so.

use std::collections::BTreeMap;

use crate::wire::{Reply, Request, Wire};

/// What real browsers send for a page.
const PERSON: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A browser with a jar of its own.
#[derive(Debug, Clone)]
pub(super) struct Browser {
    accept: &'static str,
    /// Cookies by origin, then by name.
    jar: BTreeMap<String, BTreeMap<String, String>>,
    /// Who answers for an origin, where it is not the origin itself.
    doors: BTreeMap<String, Wire>,
}

impl Browser {
    /// One that takes anything, as `curl` does. It is told problems as JSON.
    pub(super) const fn program() -> Self {
        Self {
            accept: "*/*",
            jar: BTreeMap::new(),
            doors: BTreeMap::new(),
        }
    }

    /// One with somebody in front of it.
    pub(super) fn person() -> Self {
        Self {
            accept: PERSON,
            ..Self::program()
        }
    }

    /// The same jar in front of a person.
    pub(super) fn as_person(&self) -> Self {
        Self {
            accept: PERSON,
            ..self.clone()
        }
    }

    /// From now on `wire` answers for `origin`, as after a restart behind the same name.
    pub(super) fn serve(&mut self, origin: &str, wire: Wire) {
        self.doors.insert(origin.to_owned(), wire);
    }

    pub(super) async fn get(&mut self, url: &str) -> Reply {
        self.send(url, Request::get).await
    }

    /// Sends a form from the page at the same address.
    pub(super) async fn post(&mut self, url: &str, form: &str) -> Reply {
        let origin = origin(url).to_owned();
        self.send(url, |target| {
            Request::new("POST", target)
                .with("content-type", "application/x-www-form-urlencoded")
                .with("origin", &origin)
                .with("sec-fetch-site", "same-origin")
                .bytes(form.as_bytes())
        })
        .await
    }

    /// Sends any request, with the cookies of its origin, and keeps those that come back.
    pub(super) async fn send(&mut self, url: &str, request: impl FnOnce(&str) -> Request) -> Reply {
        let origin = origin(url).to_owned();
        let target = &url[origin.len()..];
        let mut request = request(if target.is_empty() { "/" } else { target }).with("accept", self.accept);
        let cookies = self.cookies(&origin);
        if !cookies.is_empty() {
            let pairs: Vec<_> = cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.with("cookie", &pairs.join("; "));
        }
        let wire = self.doors.get(&origin).cloned();
        let reply = wire.unwrap_or_else(|| Wire::to(&origin)).send(&request).await;
        self.keep(&origin, &reply);
        reply
    }

    pub(super) fn cookies(&self, origin: &str) -> BTreeMap<String, String> {
        self.jar.get(origin).cloned().unwrap_or_default()
    }

    pub(super) fn set_cookie(&mut self, origin: &str, name: &str, value: &str) {
        let jar = self.jar.entry(origin.to_owned()).or_default();
        jar.insert(name.to_owned(), value.to_owned());
    }

    fn keep(&mut self, origin: &str, reply: &Reply) {
        let set = reply.headers.iter().filter(|(name, _)| name == "set-cookie");
        for (_, header) in set {
            let mut parts = header.split("; ");
            let pair = parts.next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a cookie has a name");
            let jar = self.jar.entry(origin.to_owned()).or_default();
            if parts.any(|attribute| attribute.eq_ignore_ascii_case("max-age=0")) {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// Scheme, host and port of an absolute address.
pub(super) fn origin(url: &str) -> &str {
    let host = url.find("://").expect("an absolute address") + 3;
    let end = url[host..].find(['/', '?']).map_or(url.len(), |end| host + end);
    &url[..end]
}

/// Where a reply leads.
pub(super) fn location(reply: &Reply) -> String {
    reply.header("location").expect("it leads somewhere").to_owned()
}

/// The value of a parameter in the query of an address.
pub(super) fn parameter(url: &str, name: &str) -> String {
    let url = url::Url::parse(url).expect("an address");
    let found: Vec<_> = url.query_pairs().filter(|(key, _)| key == name).collect();
    let [(_, value)] = &found[..] else {
        panic!("{name} stands once in {url}");
    };
    value.clone().into_owned()
}
