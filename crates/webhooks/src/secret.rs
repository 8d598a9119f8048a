//! The secrets that deliveries are signed with: random bytes, shown once in the form that the
//! Standard Webhooks specification gives them (`whsec_` and base64), and never again.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::SecretText;
use sha2::Sha256;
use zeroize::Zeroizing;

/// What the text of a secret begins with.
const PREFIX: &str = "whsec_";
/// How many bytes a secret of ours has.
const BYTES: usize = 32;
/// How many the specification allows.
const ALLOWED: std::ops::RangeInclusive<usize> = 24..=64;

/// A signing secret. Has no `Debug`, `Clone` or `Serialize`: who holds it, signs in our name.
pub struct SigningSecret(Zeroizing<Vec<u8>>);

/// No secret can be made or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The operating system gave no random bytes.
    #[error("the operating system has no randomness")]
    NoRandomness,
    /// Not `whsec_` and the base64 of 24 to 64 bytes.
    #[error("not a signing secret")]
    NotASecret,
}

impl SigningSecret {
    /// A new one that nobody can guess.
    pub fn generate() -> Result<Self, SecretError> {
        let mut bytes = Zeroizing::new(vec![0; BYTES]);
        getrandom::fill(&mut bytes).map_err(|_| SecretError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// The secret of these bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, SecretError> {
        let bytes = Zeroizing::new(bytes);
        if ALLOWED.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(SecretError::NotASecret)
        }
    }

    /// The secret that was shown as `text`.
    pub fn from_text(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(SecretError::NotASecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::NotASecret)?;
        Self::from_bytes(bytes)
    }

    /// The text for the receiver. Each call is a place to review.
    pub fn to_text(&self) -> SecretText {
        let encoded = Zeroizing::new(STANDARD.encode(&*self.0));
        SecretText::new([PREFIX, &encoded].concat())
    }

    /// The bytes, for whoever seals them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// HMAC-SHA256 of `parts` in a row.
    pub(crate) fn authenticate(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hmac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        for part in parts {
            hmac.update(part);
        }
        hmac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_all_different() {
        let one = SigningSecret::generate().expect("randomness");
        let two = SigningSecret::generate().expect("randomness");
        assert_eq!(one.expose().len(), 32);
        assert_ne!(one.expose(), two.expose());
        let text = one.to_text();
        assert!(text.expose().starts_with("whsec_"));
        let again = SigningSecret::from_text(text.expose()).expect("the same");
        assert_eq!(again.expose(), one.expose());
    }

    #[test]
    fn only_texts_of_the_specification_are_secrets() {
        let of = |length: usize| format!("whsec_{}", STANDARD.encode(vec![7; length]));
        for length in [24, 32, 64] {
            assert!(SigningSecret::from_text(&of(length)).is_ok(), "{length}");
        }
        for text in [
            of(23),
            of(65),
            String::new(),
            "whsec_".to_owned(),
            "whsec_!".to_owned(),
            of(32).replace("whsec", "sec"),
        ] {
            assert_eq!(
                SigningSecret::from_text(&text).err(),
                Some(SecretError::NotASecret),
                "{text}"
            );
        }
    }
}
