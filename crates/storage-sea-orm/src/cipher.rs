//! How secrets are kept: a ring of keys from a file wraps one data key for each workspace, and
//! each record is sealed with a key of its own, derived from the data key and from everything
//! that the record is bound to.
//!
//! Suite 1 is XChaCha20-Poly1305: its 192-bit random nonces need no counter that processes would
//! have to share. It does not commit to its key, so a commitment is stored and compared first.

pub(crate) mod binding;
pub(crate) mod envelope;
pub(crate) mod fingerprint;
pub(crate) mod ring;
pub(crate) mod workspace_keys;

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use zeroize::Zeroizing;

/// The number of bytes of every key.
pub(crate) const KEY_BYTES: usize = 32;
/// The number of bytes of an XChaCha20-Poly1305 nonce.
pub(crate) const NONCE_BYTES: usize = 24;

/// A key in memory, wiped when dropped.
pub(crate) type Key = Zeroizing<[u8; KEY_BYTES]>;

/// The bytes do not belong to this key or this context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("undecryptable")]
pub(crate) struct Undecryptable;

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}

fn encrypt(key: &Key, nonce: [u8; NONCE_BYTES], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let cipher = XChaCha20Poly1305::new_from_slice(key.as_slice()).expect("a key has 32 bytes");
    cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: plaintext, aad })
        .expect("the plaintext is far below the limit of the cipher")
}

fn decrypt(
    key: &Key,
    nonce: [u8; NONCE_BYTES],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Undecryptable> {
    let cipher = XChaCha20Poly1305::new_from_slice(key.as_slice()).expect("a key has 32 bytes");
    cipher
        .decrypt(&XNonce::from(nonce), Payload { msg: ciphertext, aad })
        .map(Zeroizing::new)
        .map_err(|_| Undecryptable)
}
