//! Where browsers reach the pages of this installation.

use url::Url;

use crate::{
    problem::{Code, Problem},
    state::ApiSettings,
};

/// The public address, and what lies below it.
pub(crate) struct Addresses(Url);

impl Addresses {
    /// The addresses that these settings make; a problem when browsers have none.
    pub(crate) fn of(settings: &ApiSettings) -> Result<Self, Problem> {
        let base = settings.public_url.as_ref().filter(|url| url.has_host());
        base.cloned()
            .map(Self)
            .ok_or_else(|| Problem::new(Code::PublicUrlMissing))
    }

    /// The page of the link with this text.
    pub(crate) fn link(&self, token: &str) -> Url {
        self.below(token)
    }

    /// Where the provider's page comes back to. What must be registered there.
    pub(crate) fn redirect(&self) -> Url {
        self.below("callback")
    }

    /// The origin of our pages, as browsers write it.
    pub(crate) fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether browsers come over TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    fn below(&self, name: &str) -> Url {
        let mut url = self.0.clone();
        url.set_query(None);
        url.set_fragment(None);
        // An address with a host has segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["consent", name]);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Addresses, Problem> {
        Addresses::of(&ApiSettings {
            public_url: Url::parse(text).ok(),
            ..ApiSettings::default()
        })
    }

    #[test]
    fn pages_lie_below_the_public_address() {
        for (base, redirect) in [
            (
                "https://atlas.example.com/",
                "https://atlas.example.com/consent/callback",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/consent/callback"),
            (
                "https://example.com/atlas",
                "https://example.com/atlas/consent/callback",
            ),
            (
                "https://example.com/atlas/?x#y",
                "https://example.com/atlas/consent/callback",
            ),
        ] {
            let addresses = of(base).expect(base);
            assert_eq!(addresses.redirect().as_str(), redirect);
        }
        let addresses = of("https://atlas.example.com:8443/").expect("an address");
        assert_eq!(addresses.origin(), "https://atlas.example.com:8443");
        assert_eq!(addresses.link("t-1").path(), "/consent/t-1");
        assert!(addresses.is_secure());
    }

    #[test]
    fn without_a_public_address_there_are_none() {
        for text in ["", "mailto:atlas@example.com"] {
            let code = of(text).map(drop).expect_err("none").code();
            assert_eq!(code, Code::PublicUrlMissing);
        }
    }
}
