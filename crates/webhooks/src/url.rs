//! Addresses of receivers: what may be saved as a webhook's URL. Judged as the browser's standard
//! reads it (WHATWG URL), so that no spelling of an address gets past, and refused early where a
//! text means one thing to one reader and another thing to the next.
//!
//! Resolves no name: saving an endpoint calls nobody. Names are judged when a delivery goes out.

use std::{fmt, net::IpAddr};

use url::{Host, Url};

use crate::guard::DestinationPolicy;

/// Why a text is refused as a webhook's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefusal {
    /// Longer than [`WebhookUrl::LONGEST`].
    #[error("is too long")]
    TooLong,
    /// White space, control characters, backslashes, or letters outside of ASCII.
    #[error("contains a character that readers of addresses disagree about")]
    Character,
    /// No URL at all.
    #[error("is not a URL")]
    NotAUrl,
    /// Anything but https. Plain http goes to addresses alone that the operator named.
    #[error("must begin with https://")]
    Scheme,
    /// A name or password before the host.
    #[error("must not contain a user")]
    UserInfo,
    /// A part after `#`, which no receiver sees.
    #[error("must not contain a fragment")]
    Fragment,
    /// A port that belongs to another service.
    #[error("names a port that is not allowed")]
    Port,
    /// A name that does not exist in public, or that looks like another.
    #[error("names a host that is not allowed")]
    Host,
    /// An address that is not public.
    #[error("leads to an address that is not public")]
    Destination,
}

impl UrlRefusal {
    /// The stable code that callers of the API branch on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Character => "character_not_allowed",
            Self::NotAUrl => "not_a_url",
            Self::Scheme => "https_required",
            Self::UserInfo => "user_not_allowed",
            Self::Fragment => "fragment_not_allowed",
            Self::Port => "port_not_allowed",
            Self::Host => "host_not_allowed",
            Self::Destination => "destination_not_public",
        }
    }
}

/// A URL that deliveries may be sent to, in its one canonical spelling. `Debug` shows the host
/// alone: paths and queries of receivers often hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

/// Ports above 1023 that belong to databases, caches and control planes which answer to whoever
/// speaks to them.
const REFUSED_PORTS: [u16; 26] = [
    1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 4243, 4369, 5432, 5433, 5672, 5900, 5984, 6379,
    6443, 7001, 8500, 9042, 9200, 9300, 10250, 11211, 27017,
];

/// Names that are never public (RFC 6761, RFC 6762, RFC 7686, RFC 8375; `internal` by ICANN).
const REFUSED_DOMAINS: [&str; 12] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "home.arpa",
    "lan",
    "corp",
    "invalid",
    "test",
    "onion",
    "arpa",
];

impl WebhookUrl {
    /// The longest URL, in bytes.
    pub const LONGEST: usize = 2_048;

    /// Judges `text` by `policy`.
    pub fn parse(text: &str, policy: &DestinationPolicy) -> Result<Self, UrlRefusal> {
        if text.len() > Self::LONGEST {
            return Err(UrlRefusal::TooLong);
        }
        // The standard drops tabs and line breaks, takes a backslash for a slash, and turns
        // letters into others. Whoever checks the text and whoever follows it would disagree.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
            return Err(UrlRefusal::Character);
        }
        let url = Url::parse(text).map_err(|_| UrlRefusal::NotAUrl)?;
        let authority = authority(text, url.scheme()).ok_or(UrlRefusal::Scheme)?;
        if authority.contains('@') {
            return Err(UrlRefusal::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(UrlRefusal::Fragment);
        }
        judge_host(&url, policy)?;
        judge_port(&url)?;
        if url.as_str().len() > Self::LONGEST {
            return Err(UrlRefusal::TooLong);
        }
        Ok(Self(url))
    }

    /// A URL that was judged when it was stored. Nothing is sent to it before it is judged again.
    pub fn from_stored(text: &str) -> Result<Self, UrlRefusal> {
        Url::parse(text).map(Self).map_err(|_| UrlRefusal::NotAUrl)
    }

    /// The whole URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host, without port, path and query: what may stand in a log or an audit event.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The address, if the host is one.
    pub fn literal_address(&self) -> Option<IpAddr> {
        match self.0.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        }
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({})", self.host())
    }
}

/// The part between the two slashes and the next delimiter, as it was written. The standard also
/// reads `https:/x` and `https:///x`; nobody means that.
fn authority<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    if scheme != "https" && scheme != "http" {
        return None;
    }
    let rest = text.get(scheme.len()..)?.strip_prefix("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest.get(..end).filter(|authority| !authority.is_empty())
}

fn judge_host(url: &Url, policy: &DestinationPolicy) -> Result<(), UrlRefusal> {
    let address: Option<IpAddr> = match url.host().ok_or(UrlRefusal::Host)? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(name) => {
            judge_name(name, policy)?;
            None
        }
    };
    if let Some(address) = address {
        policy.permits(address).map_err(|_| UrlRefusal::Destination)?;
    }
    let plain = address.is_some_and(|address| policy.is_named(address));
    if url.scheme() == "https" || plain {
        Ok(())
    } else {
        Err(UrlRefusal::Scheme)
    }
}

fn judge_name(name: &str, policy: &DestinationPolicy) -> Result<(), UrlRefusal> {
    let labels: Vec<_> = name.split('.').collect();
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        // A label in punycode looks like another name once it is shown.
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with("xn--")
    };
    if name.len() > 253 || !labels.iter().copied().all(label) {
        return Err(UrlRefusal::Host);
    }
    let within = |domain: &str| {
        name.strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let private = labels.len() < 2 || REFUSED_DOMAINS.into_iter().any(within);
    // Whoever named private ranges has names for them; where those lead is judged later.
    if private && !policy.names_private() {
        return Err(UrlRefusal::Destination);
    }
    Ok(())
}

fn judge_port(url: &Url) -> Result<(), UrlRefusal> {
    match url.port_or_known_default() {
        Some(80) if url.scheme() == "http" => Ok(()),
        Some(443 | 8443) => Ok(()),
        Some(port) if port >= 1_024 && !REFUSED_PORTS.contains(&port) => Ok(()),
        Some(_) | None => Err(UrlRefusal::Port),
    }
}

#[cfg(test)]
mod tests;
