//! Tags: what callers sort their connections by. Keys and values, and nothing that the product
//! itself understands.

use std::collections::BTreeMap;

use tenancy::{DisplayName, NameError};

/// Why a tag is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagProblem {
    /// Which tag; nothing when it is about all of them.
    pub key: Option<String>,
    /// The stable code that callers branch on.
    pub code: &'static str,
}

/// Up to 20 tags. Keys are 1 to 63 characters of `a-z`, `0-9`, `.`, `_`, `/` and `-`, values are
/// names for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// How many there may be.
    pub const MAX: usize = 20;
    /// How long a key may be.
    pub const MAX_KEY: usize = 63;

    /// Checks the tags of a caller.
    pub fn new(tags: BTreeMap<String, String>) -> Result<Self, TagProblem> {
        if tags.len() > Self::MAX {
            return Err(TagProblem {
                key: None,
                code: "too_many",
            });
        }
        let mut checked = BTreeMap::new();
        for (key, value) in tags {
            let code = if is_key(&key) {
                match DisplayName::new(&value) {
                    Ok(value) => {
                        checked.insert(key, value.as_str().to_owned());
                        continue;
                    }
                    Err(error) => NameError::code(error),
                }
            } else {
                "not_a_tag_key"
            };
            return Err(TagProblem { key: Some(key), code });
        }
        Ok(Self(checked))
    }

    /// For rows: they were checked before they were stored.
    pub const fn stored(tags: BTreeMap<String, String>) -> Self {
        Self(tags)
    }

    /// The tags by key.
    pub const fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

fn is_key(text: &str) -> bool {
    let fits = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'/' | b'-')
    };
    (1..=Tags::MAX_KEY).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Result<Tags, TagProblem> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Tags::new(pairs.iter().map(own).collect())
    }

    #[test]
    fn keys_and_values_are_checked() {
        assert!(tags(&[("team/region", "North"), ("tier", "1")]).is_ok());
        for (key, value, code) in [
            ("", "x", "not_a_tag_key"),
            ("Upper", "x", "not_a_tag_key"),
            ("tier", "", "empty"),
            ("tier", "-----BEGIN PRIVATE KEY-----", "looks_like_secret"),
        ] {
            let refused = tags(&[(key, value)]).expect_err(key);
            assert_eq!((refused.key.as_deref(), refused.code), (Some(key), code));
        }
        let many = (0..=Tags::MAX).map(|number| (format!("t{number}"), "x".to_owned()));
        assert_eq!(Tags::new(many.collect()).expect_err("too many").code, "too_many");
    }
}
