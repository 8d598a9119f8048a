//! The one keyed hash: it signs access tokens and page tokens.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A key and what may be done with it. It never leaves the simulator.
#[derive(Clone)]
pub(crate) struct Seal {
    key: [u8; 32],
}

impl Seal {
    /// A fresh key from the operating system.
    pub(crate) fn random() -> std::io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(std::io::Error::other)?;
        Ok(Self { key })
    }

    /// A key that is the same for the same seed, for things that are opaque but not secret.
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut key = [0x5a; 32];
        key[..8].copy_from_slice(&seed.to_be_bytes());
        Self { key }
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(part);
        }
        mac
    }

    /// HMAC-SHA256 (RFC 2104) of the parts, one after the other.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(parts).finalize().into_bytes().into()
    }

    /// Whether `tag`, possibly shortened, belongs to the parts.
    pub(crate) fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        !tag.is_empty() && self.mac(parts).verify_truncated_left(tag).is_ok()
    }
}
