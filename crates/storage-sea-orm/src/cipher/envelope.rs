//! The record in which a secret is stored:
//!
//! ```text
//! version(1) suite(1) kid_len(1) kid data_key_version(4) salt(32) nonce(24) commitment(32) ciphertext+tag
//! ```
//!
//! The record's key is `HKDF-SHA256(data key, salt, "cred/v1/key" || binding)` and the commitment
//! is the same with `"cred/v1/commit"` (RFC 5869). The commitment is compared in constant time
//! before anything is decrypted.

use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{KEY_BYTES, Key, NONCE_BYTES, Undecryptable, binding::Bound, decrypt, encrypt, random};

/// The version of the record's form.
pub(crate) const RECORD_VERSION: u8 = 1;
/// XChaCha20-Poly1305.
const SUITE: u8 = 1;
const SALT_BYTES: usize = 32;
const COMMITMENT_BYTES: usize = 32;

/// Which data key a record was sealed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyName {
    /// The key of the ring that wraps the data key.
    pub(crate) kid: String,
    /// The version of the workspace's data key.
    pub(crate) version: u32,
}

/// Seals `plaintext` under `data_key`, bound to `binding`.
pub(crate) fn seal(data_key: &Key, name: &KeyName, binding: &dyn Bound, plaintext: &[u8]) -> Vec<u8> {
    let (salt, nonce) = (random::<SALT_BYTES>(), random::<NONCE_BYTES>());
    let context = binding.bytes(name);
    let (key, commitment) = derive(data_key, &salt, &context);
    let kid_length = u8::try_from(name.kid.len()).expect("the ring refuses longer names");

    let mut record = vec![RECORD_VERSION, SUITE, kid_length];
    record.extend_from_slice(name.kid.as_bytes());
    record.extend_from_slice(&name.version.to_be_bytes());
    record.extend_from_slice(&salt);
    record.extend_from_slice(&nonce);
    record.extend_from_slice(&commitment);
    record.extend_from_slice(&encrypt(&key, nonce, &context, plaintext));
    record
}

/// Which data key `record` needs.
pub(crate) fn key_name(record: &[u8]) -> Result<KeyName, Undecryptable> {
    Record::parse(record).map(|record| record.name)
}

/// Opens `record`, if it was sealed under `data_key` for exactly this `binding`.
pub(crate) fn open(
    data_key: &Key,
    binding: &dyn Bound,
    record: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Undecryptable> {
    let record = Record::parse(record)?;
    let context = binding.bytes(&record.name);
    let (key, commitment) = derive(data_key, &record.salt, &context);
    if !bool::from(commitment.ct_eq(&record.commitment)) {
        return Err(Undecryptable);
    }
    decrypt(&key, record.nonce, &context, record.ciphertext)
}

fn derive(data_key: &Key, salt: &[u8], context: &[u8]) -> (Key, [u8; COMMITMENT_BYTES]) {
    let hkdf = Hkdf::<Sha256>::new(Some(salt), data_key.as_slice());
    let mut key = Key::new([0; KEY_BYTES]);
    let mut commitment = [0; COMMITMENT_BYTES];
    hkdf.expand_multi_info(&[b"cred/v1/key", context], key.as_mut_slice())
        .expect("32 bytes are allowed");
    hkdf.expand_multi_info(&[b"cred/v1/commit", context], &mut commitment)
        .expect("32 bytes are allowed");
    (key, commitment)
}

struct Record<'a> {
    name: KeyName,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
    commitment: [u8; COMMITMENT_BYTES],
    ciphertext: &'a [u8],
}

impl<'a> Record<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Undecryptable> {
        let ([RECORD_VERSION, SUITE, kid_length], rest) = take(bytes)? else {
            return Err(Undecryptable);
        };
        let (kid, rest) = rest
            .split_at_checked(usize::from(kid_length))
            .ok_or(Undecryptable)?;
        let kid = std::str::from_utf8(kid).map_err(|_| Undecryptable)?.to_owned();
        let (version, rest) = take(rest)?;
        let (salt, rest) = take(rest)?;
        let (nonce, rest) = take(rest)?;
        let (commitment, ciphertext) = take(rest)?;
        let name = KeyName {
            kid,
            version: u32::from_be_bytes(version),
        };
        Ok(Self {
            name,
            salt,
            nonce,
            commitment,
            ciphertext,
        })
    }
}

fn take<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Undecryptable> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(Undecryptable)?;
    Ok((*head, rest))
}

#[cfg(test)]
#[path = "envelope/tests.rs"]
mod tests;
