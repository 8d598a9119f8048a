//! Where a browser goes in the end: to a page of a configured front end and nowhere else. An
//! address that only looks like one of ours would make this installation vouch for a stranger.

use provider_core::ConsentResult;
use url::Url;

use crate::{
    problem::{Code, Problem},
    state::ApiSettings,
};

/// The longest address, in bytes.
const MAX_BYTES: usize = 2048;

/// The address in `text`, if it lies on one of the configured origins.
pub(crate) fn allowed(settings: &ApiSettings, text: &str) -> Option<Url> {
    // The parser repairs what browsers and other parsers may read in another way: white space,
    // backslashes, missing slashes. What needs a repair is not taken.
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let rest = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let begins = rest.is_some_and(|rest| !rest.starts_with('/'));
    if text.len() > MAX_BYTES || !begins || !text.bytes().all(plain) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let bare = url.username().is_empty() && url.password().is_none();
    let origin = url.origin().ascii_serialization();
    (bare && settings.cors_origins.contains(&origin)).then_some(url)
}

/// The same, as an answer to whoever sent it.
pub(crate) fn check(settings: &ApiSettings, text: &str) -> Result<Url, Problem> {
    allowed(settings, text)
        .ok_or_else(|| Problem::at(Code::ReturnToNotAllowed, "/return_to", "return_to_not_allowed"))
}

/// The address, told how it went. What stands in its query stays.
pub(super) fn with_result(mut url: Url, result: ConsentResult) -> Url {
    url.query_pairs_mut().append_pair("consent", result.as_str());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ApiSettings {
        let origins = ["https://ours.example", "http://localhost:5173"];
        ApiSettings {
            cors_origins: origins.map(str::to_owned).to_vec(),
            ..ApiSettings::default()
        }
    }

    #[test]
    fn only_configured_origins_are_returned_to() {
        for text in [
            "https://ours.example",
            "https://ours.example/",
            "https://ours.example:443/done?x=1#/route",
            "https://OURS.example/done",
            "http://localhost:5173/",
        ] {
            assert!(allowed(&settings(), text).is_some(), "{text}");
        }
        let long = format!("https://ours.example/{}", "x".repeat(MAX_BYTES));
        for text in [
            "",
            "/done",
            "//evil",
            "//ours.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://evil",
            "https://ours.example.evil",
            "https://ours.example@evil",
            "https://ours.example:x@evil",
            "https://user@ours.example",
            "https://user:password@ours.example",
            "https://ours.example\\@evil",
            "https:\\\\ours.example",
            "https://evil\\.ours.example",
            "https:ours.example",
            "https:/ours.example",
            "https:///ours.example",
            "http://ours.example",
            "https://ours.example:8443",
            "http://localhost",
            "https://ours.example/a b",
            " https://ours.example",
            "https://ours.example\n",
            "https://ours.exa\tmple",
            "https://ours\u{3002}example",
            "blob:https://ours.example/x",
            long.as_str(),
        ] {
            assert!(allowed(&settings(), text).is_none(), "{text}");
        }
        assert!(allowed(&ApiSettings::default(), "https://ours.example").is_none());
    }

    #[test]
    fn the_result_joins_the_query() {
        for (text, expected) in [
            ("https://ours.example", "https://ours.example/?consent=recorded"),
            (
                "https://ours.example/a?b=c%20d",
                "https://ours.example/a?b=c%20d&consent=recorded",
            ),
            (
                "https://ours.example/#/done",
                "https://ours.example/?consent=recorded#/done",
            ),
        ] {
            let url = allowed(&settings(), text).expect(text);
            assert_eq!(with_result(url, ConsentResult::Recorded).as_str(), expected);
        }
    }
}
