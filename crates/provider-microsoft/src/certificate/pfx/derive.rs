//! From a password to keys: the derivation of RFC 7292, appendix B, over the digests of aws-lc.

use aws_lc_rs::{digest, hmac};
use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

use super::oid;

/// A password in the two forms in which files use it.
pub(super) struct Password {
    /// UTF-8, for PBKDF2.
    pub(super) text: Zeroizing<Vec<u8>>,
    /// UTF-16 with an end mark, for PKCS #12's own derivation (RFC 7292, B.1).
    wide: Zeroizing<Vec<u8>>,
}

impl Password {
    /// The ways in which programs spell it: no password is either an empty text or no text at all.
    pub(super) fn spellings(password: &str) -> Vec<Self> {
        let mut wide = Zeroizing::new(Vec::with_capacity(password.len() * 2 + 2));
        for unit in password.encode_utf16() {
            wide.extend_from_slice(&unit.to_be_bytes());
        }
        wide.extend_from_slice(&[0, 0]);
        let text = || Zeroizing::new(password.as_bytes().to_vec());
        let mut all = vec![Self { text: text(), wide }];
        if password.is_empty() {
            let wide = Zeroizing::new(Vec::new());
            all.push(Self { text: text(), wide });
        }
        all
    }
}

/// What a derived key is for (RFC 7292, B.3).
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Encryption = 1,
    Iv = 2,
    Mac = 3,
}

/// The digest that `oid` names, and the MAC over it.
pub(super) fn hash_of(id: ObjectIdentifier) -> Option<(&'static digest::Algorithm, hmac::Algorithm)> {
    const SHA1: ObjectIdentifier = oid("1.3.14.3.2.26");
    const SHA256: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.1");
    const SHA384: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.2");
    const SHA512: ObjectIdentifier = oid("2.16.840.1.101.3.4.2.3");
    match id {
        SHA1 => Some((
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        )),
        SHA256 => Some((&digest::SHA256, hmac::HMAC_SHA256)),
        SHA384 => Some((&digest::SHA384, hmac::HMAC_SHA384)),
        SHA512 => Some((&digest::SHA512, hmac::HMAC_SHA512)),
        _ => None,
    }
}

/// `length` bytes for `purpose`. The letters are those of the RFC.
pub(super) fn pkcs12(
    hash: &'static digest::Algorithm,
    password: &Password,
    purpose: Purpose,
    salt: &[u8],
    iterations: u64,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let block = hash.block_len();
    let diversifier = vec![purpose as u8; block];
    let mut input = Zeroizing::new(repeated(salt, block));
    input.extend_from_slice(&Zeroizing::new(repeated(&password.wide, block)));
    let mut output = Zeroizing::new(Vec::with_capacity(length + hash.output_len()));
    while output.len() < length {
        let mut context = digest::Context::new(hash);
        context.update(&diversifier);
        context.update(&input);
        let mut a = context.finish();
        for _ in 1..iterations {
            a = digest::digest(hash, a.as_ref());
        }
        output.extend_from_slice(a.as_ref());
        let b: Zeroizing<Vec<u8>> = Zeroizing::new(a.as_ref().iter().copied().cycle().take(block).collect());
        for piece in input.chunks_exact_mut(block) {
            add_one_more(piece, &b);
        }
    }
    output.truncate(length);
    output
}

/// `bytes` as often as it takes to fill whole blocks; nothing of nothing.
fn repeated(bytes: &[u8], block: usize) -> Vec<u8> {
    let length = bytes.len().div_ceil(block) * block;
    bytes.iter().copied().cycle().take(length).collect()
}

/// `piece + b + 1` as big-endian numbers, without what runs over.
fn add_one_more(piece: &mut [u8], b: &[u8]) {
    let mut carry = 1_u16;
    for (digit, other) in piece.iter_mut().zip(b).rev() {
        carry += u16::from(*digit) + u16::from(*other);
        *digit = carry.to_be_bytes()[1];
        carry >>= 8;
    }
}
