//! A client's certificate with its private key: read from PEM or PKCS #12, judged, and kept in one
//! canonical form.
//!
//! A pair for Entra is made like this (the first file goes to the app registration, the second or
//! the third one to us):
//!
//! ```text
//! openssl req -x509 -newkey rsa:2048 -sha256 -nodes -days 365 -subj "/CN=TenantAtlas" \
//!     -keyout key.pem -out certificate.pem
//! cat certificate.pem key.pem > both.pem
//! openssl pkcs12 -export -in certificate.pem -inkey key.pem -out both.pfx
//! ```
//!
//! Nothing here knows a clock or a network. What a library says about a file it cannot read ends
//! here: callers get a stable code. Everything that holds a private key is wiped when dropped.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

mod leaf;
mod pem;
mod pfx;
mod tlv;

pub(crate) use self::leaf::ClientCertificate;

/// The largest file that is read. A certificate with its key and a chain has about 10 KiB.
pub(crate) const LARGEST: usize = 64 << 10;
/// The largest base64 of such a file, with line ends.
const LARGEST_TEXT: usize = 96 << 10;
/// The longest password, in bytes.
const LONGEST_PASSWORD: usize = 1024;

/// Why a file cannot be a client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Larger than what is read at all.
    TooLarge,
    /// The password is longer than what is tried at all.
    PasswordTooLong,
    /// Not the form that it should have.
    Unreadable,
    /// The password does not open the file.
    PasswordWrong,
    /// There is no private key.
    KeyMissing,
    /// There is no certificate.
    CertificateMissing,
    /// No certificate belongs to the key.
    KeyMismatch,
    /// The certificate's time has passed.
    Expired,
    /// The certificate's time has not come.
    NotYetValid,
    /// RSA with less than 2048 bits.
    KeyTooSmall,
    /// RSA with more than 8192 bits: nobody signs in with one, and signing takes very long.
    KeyTooLarge,
    /// Another kind of key: Entra takes RSA alone.
    KeyNotRsa,
    /// Opening the file would take too long.
    KdfTooCostly,
    /// The key in the PEM text has a password of its own.
    KeyEncrypted,
}

impl Problem {
    /// The stable code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::TooLarge | Self::PasswordTooLong => "too_large",
            Self::Unreadable => "certificate_unreadable",
            Self::PasswordWrong => "password_wrong",
            Self::KeyMissing => "private_key_missing",
            Self::CertificateMissing => "certificate_missing",
            Self::KeyMismatch => "key_mismatch",
            Self::Expired => "certificate_expired",
            Self::NotYetValid => "certificate_not_yet_valid",
            Self::KeyTooSmall => "key_too_small",
            Self::KeyTooLarge => "key_too_large",
            Self::KeyNotRsa => "key_not_rsa",
            Self::KdfTooCostly => "kdf_too_costly",
            Self::KeyEncrypted => "private_key_encrypted",
        }
    }

    /// Whether it is the password's fault, not the file's.
    pub(crate) const fn is_of_password(self) -> bool {
        matches!(self, Self::PasswordWrong | Self::PasswordTooLong)
    }
}

/// A private key as it was found.
enum FoundKey {
    /// PKCS #8 (RFC 5208).
    Pkcs8(Zeroizing<Vec<u8>>),
    /// PKCS #1 (RFC 8017, A.1.2), as OpenSSL 1 writes it.
    Pkcs1(Zeroizing<Vec<u8>>),
    /// Some other kind, which is not read.
    Foreign,
}

/// What a file holds, not yet judged.
#[derive(Default)]
struct Material {
    certificates: Vec<Vec<u8>>,
    keys: Vec<FoundKey>,
}

/// Reads a certificate and its key from PEM text.
pub(crate) fn from_pem(text: &str) -> Result<ClientCertificate, Problem> {
    if text.len() > LARGEST {
        return Err(Problem::TooLarge);
    }
    ClientCertificate::of(&pem::read(text)?)
}

/// Reads them from a PKCS #12 file.
pub(crate) fn from_pfx(file: &[u8], password: &str) -> Result<ClientCertificate, Problem> {
    if file.len() > LARGEST {
        return Err(Problem::TooLarge);
    }
    if password.len() > LONGEST_PASSWORD {
        return Err(Problem::PasswordTooLong);
    }
    ClientCertificate::of(&pfx::read(file, password)?)
}

/// Reads them from a PKCS #12 file in base64, with or without line ends.
pub(crate) fn from_pfx_text(text: &str, password: &str) -> Result<ClientCertificate, Problem> {
    if text.len() > LARGEST_TEXT {
        return Err(Problem::TooLarge);
    }
    from_pfx(&base64_without_spaces(text)?, password)
}

/// Decodes base64 that may be broken into lines.
fn base64_without_spaces(text: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut joined = Zeroizing::new(String::with_capacity(text.len()));
    joined.extend(text.chars().filter(|character| !character.is_ascii_whitespace()));
    let mut bytes = Zeroizing::new(Vec::with_capacity(joined.len()));
    STANDARD
        .decode_vec(joined.as_bytes(), &mut bytes)
        .map_err(|_| Problem::Unreadable)?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod tests;
