//! How a part of a file is encrypted: PBES2 (RFC 8018, 6.2) as everybody writes it today, and the
//! schemes of RFC 7292, appendix C, as older Windows and OpenSSL did.

use std::num::NonZeroU32;

use aws_lc_rs::{
    cipher::{AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    digest,
    iv::FixedLength,
    pbkdf2,
};
use cbc::{
    Decryptor,
    cipher::{BlockModeDecrypt as _, InnerIvInit as _, KeyIvInit as _, block_padding::Pkcs7},
};
use der::asn1::ObjectIdentifier;
use des::TdesEde3;
use rc2::Rc2;
use zeroize::Zeroizing;

use super::{
    Problem,
    derive::{self, Password, Purpose},
    oid,
    price::{self, Purse},
};
use crate::certificate::tlv::Walk;

const PBES2: ObjectIdentifier = oid("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = oid("1.2.840.113549.1.5.12");
const TRIPLE_DES_CBC: ObjectIdentifier = oid("1.2.840.113549.3.7");
const AES_128_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.2");
const AES_192_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.22");
const AES_256_CBC: ObjectIdentifier = oid("2.16.840.1.101.3.4.1.42");
const SHA1_TRIPLE_DES: ObjectIdentifier = oid("1.2.840.113549.1.12.1.3");
const SHA1_RC2_128: ObjectIdentifier = oid("1.2.840.113549.1.12.1.5");
const SHA1_RC2_40: ObjectIdentifier = oid("1.2.840.113549.1.12.1.6");

#[derive(Clone, Copy)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
    Rc2With128,
    Rc2With40,
}

impl Cipher {
    const fn key_length(self) -> usize {
        match self {
            Self::Aes256 => 32,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes128 | Self::Rc2With128 => 16,
            Self::Rc2With40 => 5,
        }
    }

    /// Decrypts in CBC and takes the padding off (RFC 5652, 6.3).
    fn open(self, key: &[u8], iv: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let plain = match self {
            Self::Aes128 => return aes(UnboundCipherKey::new(&AES_128, key).ok()?, iv, data),
            Self::Aes192 => return aes(UnboundCipherKey::new(&AES_192, key).ok()?, iv, data),
            Self::Aes256 => return aes(UnboundCipherKey::new(&AES_256, key).ok()?, iv, data),
            Self::TripleDes => Decryptor::<TdesEde3>::new_from_slices(key, iv)
                .ok()?
                .decrypt_padded_vec::<Pkcs7>(data),
            Self::Rc2With128 | Self::Rc2With40 => {
                let cipher = Rc2::new_with_eff_key_len(key, key.len() * 8);
                Decryptor::inner_iv_slice_init(cipher, iv)
                    .ok()?
                    .decrypt_padded_vec::<Pkcs7>(data)
            }
        };
        plain.ok().map(Zeroizing::new)
    }
}

fn aes(key: UnboundCipherKey, iv: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let iv = DecryptionContext::Iv128(FixedLength::from(<[u8; 16]>::try_from(iv).ok()?));
    let mut buffer = Zeroizing::new(data.to_vec());
    let length = PaddedBlockDecryptingKey::cbc_pkcs7(key)
        .ok()?
        .decrypt(&mut buffer, iv)
        .ok()?
        .len();
    buffer.truncate(length);
    Some(buffer)
}

/// Where the key of a part comes from.
enum Derivation<'a> {
    Pbkdf2(Prf, &'a [u8]),
    /// PKCS #12's own one, over SHA-1.
    Pkcs12,
}

#[derive(Clone, Copy)]
struct Prf {
    algorithm: pbkdf2::Algorithm,
    output: usize,
}

/// How a part is encrypted.
pub(super) struct Scheme<'a> {
    cipher: Cipher,
    derivation: Derivation<'a>,
    salt: &'a [u8],
    iterations: u64,
}

impl<'a> Scheme<'a> {
    /// Reads an algorithm identifier; nothing for an algorithm that is not known.
    pub(super) fn parse(members: &mut Walk<'a>) -> Option<Self> {
        let kind: ObjectIdentifier = members.take()?;
        let mut parameters = members.walk()?;
        let cipher = match kind {
            PBES2 => return Self::parse_pbes2(&mut parameters),
            SHA1_TRIPLE_DES => Cipher::TripleDes,
            SHA1_RC2_128 => Cipher::Rc2With128,
            SHA1_RC2_40 => Cipher::Rc2With40,
            _ => return None,
        };
        Some(Self {
            cipher,
            derivation: Derivation::Pkcs12,
            salt: parameters.octets()?,
            iterations: parameters.take()?,
        })
    }

    fn parse_pbes2(parameters: &mut Walk<'a>) -> Option<Self> {
        let (mut kdf, mut encryption) = (parameters.walk()?, parameters.walk()?);
        (kdf.take::<ObjectIdentifier>()? == PBKDF2).then_some(())?;
        let mut kdf = kdf.walk()?;
        let (salt, iterations) = (kdf.octets()?, kdf.take()?);
        let cipher = match encryption.take::<ObjectIdentifier>()? {
            AES_128_CBC => Cipher::Aes128,
            AES_192_CBC => Cipher::Aes192,
            AES_256_CBC => Cipher::Aes256,
            TRIPLE_DES_CBC => Cipher::TripleDes,
            _ => return None,
        };
        Some(Self {
            cipher,
            derivation: Derivation::Pbkdf2(prf(&mut kdf)?, encryption.octets()?),
            salt,
            iterations,
        })
    }

    /// Pays for the key, and for the initialization vector where that is derived too.
    pub(super) fn pay(&self, purse: &mut Purse) -> Result<(), Problem> {
        let key = self.cipher.key_length();
        let units = match &self.derivation {
            // An HMAC hashes twice.
            Derivation::Pbkdf2(prf, _) => key.div_ceil(prf.output) * 2 * price::of_hash(prf.output),
            Derivation::Pkcs12 => (key.div_ceil(SHA1_OUTPUT) + 1) * price::of_hash(SHA1_OUTPUT),
        };
        purse.pay(self.iterations, units)
    }

    /// Decrypts; nothing when the padding is wrong, which means the password is.
    pub(super) fn open(&self, data: &[u8], password: &Password) -> Option<Zeroizing<Vec<u8>>> {
        let length = self.cipher.key_length();
        match &self.derivation {
            Derivation::Pbkdf2(prf, iv) => {
                let turns = NonZeroU32::new(u32::try_from(self.iterations).ok()?)?;
                let mut key = Zeroizing::new(vec![0; length]);
                pbkdf2::derive(prf.algorithm, turns, self.salt, &password.text, &mut key);
                self.cipher.open(&key, iv, data)
            }
            Derivation::Pkcs12 => {
                let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
                let of = |purpose, length| {
                    derive::pkcs12(hash, password, purpose, self.salt, self.iterations, length)
                };
                let (key, iv) = (of(Purpose::Encryption, length), of(Purpose::Iv, 8));
                self.cipher.open(&key, &iv, data)
            }
        }
    }
}

const SHA1_OUTPUT: usize = 20;

/// The rest of PBKDF2's parameters: an optional key length, then the hash, which is SHA-1 when it
/// is not named (RFC 8018, A.2).
fn prf(parameters: &mut Walk<'_>) -> Option<Prf> {
    const SHA1: ObjectIdentifier = oid("1.2.840.113549.2.7");
    const SHA256: ObjectIdentifier = oid("1.2.840.113549.2.9");
    const SHA384: ObjectIdentifier = oid("1.2.840.113549.2.10");
    const SHA512: ObjectIdentifier = oid("1.2.840.113549.2.11");
    let mut named = SHA1;
    while !parameters.is_done() {
        // The length follows from the cipher; it has no other use here.
        if let Some(mut hash) = Walk::into(parameters.any()?) {
            named = hash.take()?;
        }
    }
    let (algorithm, output) = match named {
        SHA1 => (pbkdf2::PBKDF2_HMAC_SHA1, SHA1_OUTPUT),
        SHA256 => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        SHA384 => (pbkdf2::PBKDF2_HMAC_SHA384, 48),
        SHA512 => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
        _ => return None,
    };
    Some(Prf { algorithm, output })
}
