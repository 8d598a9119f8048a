//! Damaged files: every truncation, and flips everywhere. Nothing panics, nothing takes long, and
//! what is still taken is the same certificate with the same key.

use super::*;

/// What is accepted must be whole: the certificate's bytes may have changed where nobody can
/// tell, but the key must still sign for the public key of the certificate.
fn judge(found: Result<ClientCertificate, Problem>) -> bool {
    let Ok(found) = found else { return false };
    let signed = found.sign(b"message").expect("signs");
    let algorithm = &aws_lc_rs::signature::RSA_PSS_2048_8192_SHA256;
    let key = aws_lc_rs::signature::UnparsedPublicKey::new(algorithm, found.public_key());
    assert!(key.verify(b"message", &signed).is_ok(), "a broken key was taken");
    true
}

#[test]
fn no_truncated_file_is_taken() {
    for text in [
        fixture!("light.pfx.b64"),
        fixture!("light-legacy.pfx.b64"),
        fixture!("plain.pfx.b64"),
    ] {
        let file = base64_without_spaces(text).expect("base64");
        for length in 0..file.len() {
            let found = in_time(|| from_pfx(&file[..length], PASSWORD));
            assert_eq!(problem(found), Some(Problem::Unreadable), "{length}");
        }
    }
    let text = pair();
    let whole = text.trim_end().len();
    for length in 0..whole {
        assert!(from_pem(&text[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_mac_notices_every_flip() {
    let file = base64_without_spaces(fixture!("light.pfx.b64")).expect("base64");
    let mut taken = 0;
    for at in 0..file.len() {
        let mut flipped = file.to_vec();
        flipped[at] ^= 1 << (at % 8);
        let found = in_time(|| from_pfx(&flipped, PASSWORD));
        taken += usize::from(judge(found));
    }
    // The parameters of a digest are a NULL that nobody reads.
    assert!(taken <= 4, "{taken} flips went unnoticed");
}

#[test]
fn without_a_mac_a_flip_may_be_overlooked_but_never_harms() {
    for text in [fixture!("light-no-mac.pfx.b64"), fixture!("plain.pfx.b64")] {
        let file = base64_without_spaces(text).expect("base64");
        for at in 0..file.len() {
            let mut flipped = file.to_vec();
            flipped[at] ^= 0x80 >> (at % 8);
            judge(in_time(|| from_pfx(&flipped, PASSWORD)));
        }
    }
}

#[test]
fn a_flipped_pem_is_refused_or_harmless() {
    let text = pair();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1 << (at % 7);
        if let Ok(flipped) = String::from_utf8(bytes) {
            judge(in_time(|| from_pem(&flipped)));
        }
    }
}
