//! A key inside an encrypted safe: its price is seen only after the safe was opened, and it must
//! be paid from the same purse. No common program writes such a file, so it is built here.

use aws_lc_rs::{
    cipher::{AES_128, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey},
    iv::FixedLength,
    pbkdf2,
};
use std::num::NonZeroU32;

use super::*;

/// A value of DER.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).expect("small").to_be_bytes();
    [&[tag, 0x82][..], &length, &content].concat()
}

/// The shortest form of lengths, which DER wants.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => [&[tag, short][..], &content].concat(),
        Ok(one) => [&[tag, 0x81, one][..], &content].concat(),
        Err(_) => tlv(tag, parts),
    }
}

fn oid(text: &str) -> Vec<u8> {
    let oid = der::asn1::ObjectIdentifier::new(text).expect("an identifier");
    der(6, &[oid.as_bytes()])
}

/// An algorithm identifier of PBES2 with AES-128, and `data` encrypted with it; for no real key
/// when `turns` are too many to make.
fn sealed(turns: u32, data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let bytes = turns.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    // A number that begins with a set bit would be below zero.
    let sign: &[u8] = if bytes[zeros] < 0x80 { &[] } else { &[0] };
    let kdf = der(
        0x30,
        &[
            &oid("1.2.840.113549.1.5.12"),
            &der(
                0x30,
                &[
                    &der(4, &[b"saltsalt"]),
                    &der(2, &[sign, &bytes[zeros..]]),
                    &der(0x30, &[&oid("1.2.840.113549.2.9"), &[5, 0]]),
                ],
            ),
        ],
    );
    let cipher = der(0x30, &[&oid("2.16.840.1.101.3.4.1.2"), &der(4, &[&[9; 16]])]);
    let algorithm = der(
        0x30,
        &[&oid("1.2.840.113549.1.5.13"), &der(0x30, &[&kdf, &cipher])],
    );
    let mut key = [0; 16];
    let made = NonZeroU32::new(turns.min(1000)).expect("some");
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        made,
        b"saltsalt",
        PASSWORD.as_bytes(),
        &mut key,
    );
    let key = UnboundCipherKey::new(&AES_128, &key).expect("16 bytes");
    let mut data = data.to_vec();
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).expect("a key");
    let iv = EncryptionContext::Iv128(FixedLength::from([9; 16]));
    key.less_safe_encrypt(&mut data, iv).expect("encrypts");
    (algorithm, data)
}

/// A file with `keys` keys of `turns` turns each inside one encrypted safe.
fn file(turns: u32, keys: usize) -> Vec<u8> {
    let key = base64_without_spaces(
        KEY.trim()
            .trim_start_matches("-----BEGIN PRIVATE KEY-----")
            .trim_end_matches("-----END PRIVATE KEY-----"),
    )
    .expect("base64");
    let (algorithm, data) = sealed(turns, &key);
    let shrouded = der(0x30, &[&algorithm, &der(4, &[&data])]);
    let bag = der(
        0x30,
        &[&oid("1.2.840.113549.1.12.10.1.2"), &der(0xa0, &[&shrouded])],
    );
    let bags: Vec<&[u8]> = vec![&bag; keys];
    let (algorithm, data) = sealed(1000, &der(0x30, &bags));
    let info = der(
        0x30,
        &[&oid("1.2.840.113549.1.7.1"), &algorithm, &der(0x80, &[&data])],
    );
    let encrypted = der(0x30, &[&[2, 1, 0], &info]);
    let part = der(0x30, &[&oid("1.2.840.113549.1.7.6"), &der(0xa0, &[&encrypted])]);
    let content = der(4, &[&der(0x30, &[&part])]);
    let safe = der(0x30, &[&oid("1.2.840.113549.1.7.1"), &der(0xa0, &[&content])]);
    der(0x30, &[&[2, 1, 3], &safe])
}

#[test]
fn a_hidden_key_is_found() {
    let found = in_time(|| problem(from_pfx(&file(1000, 1), PASSWORD)));
    assert_eq!(found, Some(Problem::CertificateMissing), "the key was there");
}

#[test]
fn a_hidden_key_pays_from_the_same_purse() {
    for (turns, keys) in [(4_000_000_000, 1), (599_001, 1), (120_000, 5)] {
        let file = file(turns, keys);
        let found = in_time(|| problem(from_pfx(&file, PASSWORD)));
        assert_eq!(found, Some(Problem::KdfTooCostly), "{turns} {keys}");
    }
}
