//! The cookie that ties a visit to the browser that began it. One for each link, so that two links
//! can be open side by side.

use actix_web::http::header::{COOKIE, HeaderMap};
use provider_core::{ConsentLinkId, TextHash, consent::LINK_LIFE};
use subtle::ConstantTimeEq as _;

use super::{addresses::Addresses, random};

/// The cookie of a link.
pub(super) struct Cookie {
    name: String,
    secure: bool,
}

impl Cookie {
    /// The cookie of `link`. Over TLS its name forbids every other host to set it (RFC 6265bis,
    /// 4.1.3.2); plain addresses are those of this machine.
    pub(super) fn of(addresses: &Addresses, link: ConsentLinkId) -> Self {
        let secure = addresses.is_secure();
        let prefix = if secure { "__Host-" } else { "" };
        // The end of an id, because ids of the same minute begin alike.
        let id = link.as_uuid().simple().to_string();
        let short = &id[id.len() - 8..];
        Self {
            name: format!("{prefix}tenantatlas-consent-{short}"),
            secure,
        }
    }

    /// The header that sets it.
    pub(super) fn set(&self, value: &str) -> String {
        self.header(value, LINK_LIFE.num_seconds())
    }

    /// The header that takes it away again.
    pub(super) fn clear(&self) -> String {
        self.header("", 0)
    }

    /// Lax and not strict: the way back from the provider's page comes from another site.
    fn header(&self, value: &str, max_age: i64) -> String {
        let Self { name, secure } = self;
        let secure = if *secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}")
    }

    /// Whether the browser behind these headers holds the text with this hash.
    pub(super) fn is_held(&self, headers: &HeaderMap, hash: &TextHash) -> bool {
        headers
            .get_all(COOKIE)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name)
            .any(|(_, value)| bool::from(random::hash(value).ct_eq(hash)))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use kernel::Id;
    use url::Url;
    use uuid::Uuid;

    use super::*;
    use crate::state::ApiSettings;

    fn cookie(base: &str) -> Cookie {
        let settings = ApiSettings {
            public_url: Url::parse(base).ok(),
            ..ApiSettings::default()
        };
        let link = Id::from_uuid(Uuid::from_u128(0x0190_b3e4_0000_7000_8000_0000_dead_beef));
        Cookie::of(&Addresses::of(&settings).expect("an address"), link)
    }

    #[test]
    fn names_and_attributes_follow_the_public_address() {
        let attributes = "Path=/; Max-Age=3600; HttpOnly; SameSite=Lax";
        assert_eq!(
            cookie("https://atlas.example.com/").set("v"),
            format!("__Host-tenantatlas-consent-deadbeef=v; {attributes}; Secure")
        );
        assert_eq!(
            cookie("http://127.0.0.1:8080/").set("v"),
            format!("tenantatlas-consent-deadbeef=v; {attributes}")
        );
        let cleared = cookie("https://atlas.example.com/").clear();
        assert!(cleared.contains("-deadbeef=; Path=/; Max-Age=0; "), "{cleared}");
    }

    #[test]
    fn only_the_holder_of_the_text_passes() {
        let cookie = cookie("http://127.0.0.1:8080/");
        let hash = random::hash("v");
        for (value, held) in [
            ("tenantatlas-consent-deadbeef=v", true),
            ("a=b; tenantatlas-consent-deadbeef=v; c=d", true),
            (
                "tenantatlas-consent-deadbeef=w; tenantatlas-consent-deadbeef=v",
                true,
            ),
            ("tenantatlas-consent-deadbeef=w", false),
            ("tenantatlas-consent-deadbeef=", false),
            ("__Host-tenantatlas-consent-deadbeef=v", false),
            ("tenantatlas-consent-deadbeee=v", false),
            ("v", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::from_static(value));
            assert_eq!(cookie.is_held(&headers, &hash), held, "{value}");
        }
        assert!(!cookie.is_held(&HeaderMap::new(), &hash));
    }
}
