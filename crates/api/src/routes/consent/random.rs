//! Random texts that somebody else holds, and of which the store knows the hash.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::SecretText;
use provider_core::TextHash;
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;

/// 256 random bits, in letters that need no escape in an address or a cookie. Has no `Debug`: who
/// holds it, has the right that it stands for.
pub(crate) struct RandomText(SecretText);

impl RandomText {
    /// A text that nobody can guess.
    pub(crate) fn new() -> Result<Self, Problem> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|_| Problem::internal("the operating system has no randomness"))?;
        Ok(Self(SecretText::new(URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// The text itself, for whoever is to hold it.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is stored of it.
    pub(crate) fn hash(&self) -> TextHash {
        hash(self.expose())
    }
}

/// The hash under which `text` is stored, if anybody gave it out.
pub(crate) fn hash(text: &str) -> TextHash {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_long_plain_and_all_different() {
        let (one, two) = (RandomText::new(), RandomText::new());
        let (one, two) = (one.expect("randomness"), two.expect("randomness"));
        assert_eq!(one.expose().len(), 43);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        assert!(one.expose().bytes().all(plain));
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.hash(), hash(one.expose()));
    }
}
