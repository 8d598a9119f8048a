//! Texts of a body, checked before they reach a domain type: names, slugs, and short strings
//! that have no type of their own.

use std::collections::BTreeMap;

use provider_core::{TagProblem, Tags};
use tenancy::{DisplayName, NameError, Slug, name::looks_like_secret};

use crate::problem::{Code, Problem};

/// The name at `pointer`.
pub(crate) fn display_name(pointer: &str, text: &str) -> Result<DisplayName, Problem> {
    DisplayName::new(text).map_err(|error| refusal(pointer, error))
}

/// The slug at `pointer`.
pub(crate) fn slug(pointer: &str, text: &str) -> Result<Slug, Problem> {
    Slug::new(text).map_err(|error| refusal(pointer, error))
}

/// The text at `pointer`, of 1 to `max` bytes without white space around it.
pub(crate) fn short(pointer: &str, text: &str, max: usize) -> Result<String, Problem> {
    let error = if text.trim().is_empty() {
        "empty"
    } else if text.len() > max {
        "too_long"
    } else if text.trim() != text {
        "surrounding_white_space"
    } else if looks_like_secret(text) {
        "looks_like_secret"
    } else {
        return Ok(text.to_owned());
    };
    Err(Problem::invalid(pointer, error))
}

/// The tags at `pointer`. A key that is none of ours is not repeated.
pub(crate) fn tags(pointer: &str, tags: BTreeMap<String, String>) -> Result<Tags, Problem> {
    Tags::new(tags).map_err(|TagProblem { key, code }| match key {
        Some(key) if code != "not_a_tag_key" => {
            // RFC 6901: a slash in a key is written as ~1; there is no tilde in a key.
            let place = format!("{pointer}/{}", key.replace('/', "~1"));
            Problem::invalid(&place, code)
        }
        Some(_) | None => Problem::invalid(pointer, code),
    })
}

fn refusal(pointer: &str, error: NameError) -> Problem {
    let code = match error {
        NameError::ControlCharacter => Code::ControlCharacter,
        NameError::Empty | NameError::TooLong | NameError::NotASlug | NameError::LooksLikeSecret => {
            Code::InvalidValue
        }
    };
    Problem::at(code, pointer, error.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts() {
        assert!(short("/subject", "user-1", 255).is_ok());
        let long = "x".repeat(256);
        for text in ["", " ", " a", long.as_str(), "-----BEGIN PRIVATE KEY-----"] {
            assert!(short("/subject", text, 255).is_err(), "{text:?}");
        }
    }
}
