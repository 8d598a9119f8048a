//! Names as people write them and slugs as addresses need them, checked once.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// More characters than [`DisplayName::MAX_CHARS`] or [`Slug::MAX_CHARS`].
    #[error("is too long")]
    TooLong,
    /// NUL, line breaks, escape sequences or invisible direction marks.
    #[error("contains a control character")]
    ControlCharacter,
    /// For slugs: anything but lower-case letters, digits and single inner hyphens.
    #[error("may hold lower-case letters, digits and inner hyphens only")]
    NotASlug,
    /// The text has the shape of a credential, which a name is never a place for.
    #[error("looks like a secret")]
    LooksLikeSecret,
}

impl NameError {
    /// The stable code that callers of the API branch on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::NotASlug => "not_a_slug",
            Self::LooksLikeSecret => "looks_like_secret",
        }
    }
}

/// A label for people: 1 to 120 characters, trimmed, no control characters, not secret-shaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DisplayName(String);

impl DisplayName {
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 120;

    /// Checks and trims `text`.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(NameError::Empty);
        }
        if trimmed.chars().count() > Self::MAX_CHARS {
            return Err(NameError::TooLong);
        }
        if trimmed.chars().any(is_unprintable) {
            return Err(NameError::ControlCharacter);
        }
        if looks_like_secret(trimmed) {
            return Err(NameError::LooksLikeSecret);
        }
        Ok(Self(trimmed.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DisplayName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0
    }
}

/// An address part: 1 to 63 characters of `a-z`, `0-9` and inner hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

impl Slug {
    /// The longest slug, in characters (a DNS label's length, RFC 1035).
    pub const MAX_CHARS: usize = 63;

    /// Checks `text`; nothing is corrected, so two spellings never meet in one slug.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::MAX_CHARS {
            return Err(NameError::TooLong);
        }
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !text.bytes().all(allowed) || text.starts_with('-') || text.ends_with('-') || text.contains("--") {
            return Err(NameError::NotASlug);
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Slug {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

/// Control characters and the invisible marks that reorder or hide text (Unicode bidirectional
/// controls, zero-width spaces, the byte order mark). The two joiners U+200C and U+200D are none:
/// Persian and composed emoji need them.
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// Shapes of credentials that people paste into the wrong field: a PEM block, a JSON web token, a
/// bearer header, an API key of ours, and the generated client secrets whose fourth to sixth
/// characters are a digit, `Q` and `~`.
pub fn looks_like_secret(text: &str) -> bool {
    let generated = text
        .as_bytes()
        .windows(3)
        .any(|part| part[0].is_ascii_digit() && part[1..] == *b"Q~");
    let token = text
        .split_whitespace()
        .any(|word| word.starts_with("eyJ") && word.matches('.').count() == 2 && word.len() > 40);
    (generated && text.len() >= 30)
        || token
        || text.contains("-----BEGIN")
        || text.to_ascii_lowercase().starts_with("bearer ")
        || (text.starts_with("tat_") && text.len() > 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names() {
        assert_eq!(
            DisplayName::new("  Contoso 🏢 ").expect("fine").as_str(),
            "Contoso 🏢"
        );
        let cases = [
            ("", NameError::Empty),
            ("   ", NameError::Empty),
            ("a\0b", NameError::ControlCharacter),
            ("a\u{202E}b", NameError::ControlCharacter),
            ("a\nb", NameError::ControlCharacter),
            ("-----BEGIN PRIVATE KEY-----", NameError::LooksLikeSecret),
            (
                "abc8Q~abcdefghijklmnopqrstuvwxyz.-_ABCDE",
                NameError::LooksLikeSecret,
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(DisplayName::new(text), Err(expected), "{text:?}");
        }
        assert_eq!(DisplayName::new(&"x".repeat(121)), Err(NameError::TooLong));
    }

    #[test]
    fn slugs() {
        assert!(Slug::new("contoso-prod-2").is_ok());
        for text in ["-a", "a-", "a--b", "A", "ä", "a b", "a_b"] {
            assert_eq!(Slug::new(text), Err(NameError::NotASlug), "{text:?}");
        }
    }
}
