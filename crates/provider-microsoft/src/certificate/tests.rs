//! Files as OpenSSL writes them, read; and every way of being wrong, refused in time.
//!
//! The files come from `fixtures/make.sh`.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use kernel::Timestamp;

macro_rules! fixture {
    ($name:literal) => {
        $crate::certificate::tests::made::file($name)
    };
}

mod damage;
mod hidden;
pub(crate) mod made;

use made::Made;

pub(crate) static CERTIFICATE: Made = Made("rsa.pem");
pub(crate) static KEY: Made = Made("rsa.key.pem");
pub(crate) static MODERN: Made = Made("modern.pfx.b64");
static OTHER: Made = Made("other.pem");
const PASSWORD: &str = "right";
/// What OpenSSL says of the certificate.
pub(crate) static FINGERPRINT: Made = Made("rsa.fingerprint");
static BEGIN: Made = Made("rsa.begin");
pub(crate) static END: Made = Made("rsa.end");

/// A day on which the certificates are good.
pub(crate) fn now() -> Timestamp {
    BEGIN.parse::<Timestamp>().expect("a date") + TimeDelta::days(1)
}

/// The certificate and its key in one text.
pub(crate) fn pair() -> String {
    format!("{CERTIFICATE}{KEY}")
}

fn problem(found: Result<ClientCertificate, Problem>) -> Option<Problem> {
    found.err()
}

/// Runs `read` and is surprised when it takes long.
fn in_time<T>(read: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = read();
    let took = start.elapsed();
    // 200 ms are promised of a release build on a quiet machine. Tests run beside others, and what
    // must not happen would take longer than this by far.
    assert!(took < Duration::from_secs(5), "{took:?}");
    result
}

#[test]
fn a_pair_in_pem_is_read_in_any_order_and_form() {
    let texts = [
        pair(),
        format!("{KEY}{CERTIFICATE}"),
        format!("{CERTIFICATE}{}", fixture!("rsa.pkcs1.pem")),
        format!("Bag Attributes\n  friendlyName: x\n{KEY}\nsubject=CN\n{CERTIFICATE}trailing"),
        format!("{OTHER}{CERTIFICATE}{KEY}"),
        format!("{}{CERTIFICATE}{KEY}", fixture!("ec.pem")),
        format!("{}{CERTIFICATE}{KEY}", fixture!("ed.key.pem")),
        pair().replace('\n', "\r\n"),
        format!("{}{CERTIFICATE}{KEY}", fixture!("short.pem")),
        format!("{CERTIFICATE}{}{KEY}", fixture!("short.pem")),
    ];
    let canonical = from_pem(&pair()).ok().and_then(|found| found.to_pem().ok());
    let canonical = canonical.expect("is read");
    for text in &texts {
        let found = from_pem(text).unwrap_or_else(|problem| panic!("{problem:?}: {text}"));
        assert_eq!(found.fingerprint(), &*FINGERPRINT);
        assert_eq!(found.not_after().to_rfc3339(), &*END);
        let pem = found.to_pem().unwrap_or_else(|problem| panic!("{problem:?}"));
        assert_eq!(pem.expose(), canonical.expose(), "one form for all");
    }
    assert_eq!(canonical.expose(), pair(), "which is the form of OpenSSL");
}

#[test]
fn files_of_today_and_of_older_programs_are_opened() {
    let files = [
        (&*MODERN, PASSWORD),
        (fixture!("legacy.pfx.b64"), PASSWORD),
        (fixture!("triple-des.pfx.b64"), PASSWORD),
        (fixture!("rc2-128.pfx.b64"), PASSWORD),
        (fixture!("aes-128.pfx.b64"), PASSWORD),
        (fixture!("des3-pbes2.pfx.b64"), PASSWORD),
        (fixture!("plain.pfx.b64"), PASSWORD),
        (fixture!("no-mac.pfx.b64"), PASSWORD),
        (fixture!("costly.pfx.b64"), PASSWORD),
        (fixture!("no-password.pfx.b64"), ""),
        (fixture!("no-password-legacy.pfx.b64"), ""),
        (fixture!("umlaut.pfx.b64"), "Grüße-😀"),
        (fixture!("chain.pfx.b64"), PASSWORD),
    ];
    for (at, (file, password)) in files.into_iter().enumerate() {
        let found = in_time(|| from_pfx_text(file, password));
        let found = found.unwrap_or_else(|problem| panic!("{at}: {problem:?}"));
        assert_eq!(found.fingerprint(), &*FINGERPRINT, "{at}");
        let wrong = in_time(|| problem(from_pfx_text(file, "wrong")));
        assert_eq!(wrong, Some(Problem::PasswordWrong), "{at}");
    }
}

#[test]
fn every_mistake_has_its_code() {
    let large = "x".repeat(LARGEST + 1);
    let small = format!("{}{}", fixture!("small.pem"), fixture!("small.key.pem"));
    let pem: [(&str, &str); 13] = [
        ("", "certificate_unreadable"),
        ("-----BEGIN CERTIFICATE-----\nMIIC", "certificate_unreadable"),
        (
            "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----",
            "certificate_unreadable",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----",
            "certificate_unreadable",
        ),
        (&*CERTIFICATE, "private_key_missing"),
        (&*KEY, "certificate_missing"),
        (&format!("{OTHER}{KEY}"), "key_mismatch"),
        (&format!("{}{KEY}", fixture!("ec.pem")), "key_mismatch"),
        (&small, "key_too_small"),
        (
            &format!("{}{}", fixture!("ec.pem"), fixture!("ec.key.pem")),
            "key_not_rsa",
        ),
        (
            &format!("{}{}", fixture!("ed.pem"), fixture!("ed.key.pem")),
            "key_not_rsa",
        ),
        (
            "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----",
            "key_not_rsa",
        ),
        (&large, "too_large"),
    ];
    for (text, code) in pem {
        let found = in_time(|| problem(from_pem(text)));
        assert_eq!(found.map(Problem::code), Some(code), "{text:.60}");
    }
    for encrypted in [fixture!("rsa.encrypted.pem"), fixture!("rsa.pkcs1-encrypted.pem")] {
        let found = problem(from_pem(&format!("{CERTIFICATE}{encrypted}")));
        assert_eq!(found, Some(Problem::KeyEncrypted));
    }
    let pfx = [
        ("", "certificate_unreadable"),
        ("%%%%", "certificate_unreadable"),
        ("MAA=", "certificate_unreadable"),
        (&*CERTIFICATE, "certificate_unreadable"),
        (fixture!("no-key.pfx.b64"), "private_key_missing"),
        (fixture!("no-certificate.pfx.b64"), "certificate_missing"),
        (fixture!("small.pfx.b64"), "key_too_small"),
        (fixture!("ec.pfx.b64"), "key_not_rsa"),
        (&"A".repeat(LARGEST_TEXT + 1), "too_large"),
        (&"A".repeat((LARGEST + 3) / 3 * 4), "too_large"),
        (&"A".repeat(1 << 20), "too_large"),
    ];
    for (text, code) in pfx {
        let found = in_time(|| problem(from_pfx_text(text, PASSWORD)));
        assert_eq!(found.map(Problem::code), Some(code), "{text:.60}");
    }
    let long = "x".repeat(LONGEST_PASSWORD + 1);
    let found = problem(from_pfx_text(&MODERN, &long));
    assert!(found == Some(Problem::PasswordTooLong) && found.is_some_and(Problem::is_of_password));
}

#[test]
fn time_decides_at_both_ends_and_is_a_parameter() {
    let found = from_pem(&pair()).unwrap_or_else(|problem| panic!("{problem:?}"));
    let begin: Timestamp = BEGIN.parse().expect("a date");
    let second = TimeDelta::seconds(1);
    assert_eq!(found.check_time(begin - second), Err(Problem::NotYetValid));
    assert_eq!(found.check_time(begin), Ok(()));
    assert_eq!(found.check_time(found.not_after() - second), Ok(()));
    assert_eq!(found.check_time(found.not_after()), Err(Problem::Expired));
}

/// Files in which one layer after the other asks for more turns than are paid for. The number has
/// three bytes in the file, so that a larger one takes its place without moving anything.
#[test]
fn a_file_that_is_costly_to_open_is_refused_before_it_is_opened() {
    let file = base64_without_spaces(fixture!("costly.pfx.b64")).expect("base64");
    let number = [2, 3, 0x00, 0x9c, 0x40];
    let places: Vec<_> = (0..=file.len() - number.len())
        .filter(|at| file[*at..].starts_with(&number))
        .collect();
    assert_eq!(places.len(), 3, "a MAC, a certificate, a key");
    for turns in [600_001_u32, 8_388_607] {
        for at in &places {
            let mut costly = file.to_vec();
            costly[at + 2..at + 5].copy_from_slice(&turns.to_be_bytes()[1..]);
            for password in [PASSWORD, "wrong"] {
                // The larger number would take far longer than that.
                let found = in_time(|| problem(from_pfx(&costly, password)));
                assert_eq!(found, Some(Problem::KdfTooCostly), "{turns} at {at}");
            }
        }
    }
    // Each layer alone would be fine: the sum is not.
    let mut sum = file.to_vec();
    for at in &places {
        sum[at + 2..at + 5].copy_from_slice(&200_000_u32.to_be_bytes()[1..]);
    }
    assert_eq!(problem(from_pfx(&sum, PASSWORD)), Some(Problem::KdfTooCostly));
    // The most that is paid for, spent on the MAC with a wrong password.
    let mut most = file.to_vec();
    let mac = *places.last().expect("three");
    most[mac + 2..mac + 5].copy_from_slice(&260_000_u32.to_be_bytes()[1..]);
    let found = in_time(|| problem(from_pfx(&most, "wrong")));
    assert_eq!(found, Some(Problem::PasswordWrong));
}

#[test]
fn what_is_kept_can_be_read_back_and_signs() {
    let first = from_pfx_text(&MODERN, PASSWORD).unwrap_or_else(|problem| panic!("{problem:?}"));
    let pem = first.to_pem().unwrap_or_else(|problem| panic!("{problem:?}"));
    let again = from_pem(pem.expose()).unwrap_or_else(|problem| panic!("{problem:?}"));
    let message = Uuid::from_u128(7).to_string();
    let signed = again.sign(message.as_bytes()).expect("signs");
    let key = aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::RSA_PSS_2048_8192_SHA256,
        first.public_key(),
    );
    assert!(key.verify(message.as_bytes(), &signed).is_ok());
}
