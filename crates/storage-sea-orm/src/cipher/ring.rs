//! The key ring: a file of named keys. The last line is the active key; earlier ones still open
//! what they wrapped. Without a ring nothing starts: there is no mode that stores in the clear.

use std::{fmt::Write as _, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::SecretBytes;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{KEY_BYTES, Key, random};

/// The longest name of a key.
const MAX_KID: usize = 64;

/// Keys by name. No `Debug`, no `Clone`.
pub struct KeyRing {
    entries: Vec<Entry>,
}

struct Entry {
    kid: String,
    key: Key,
}

/// Why a ring cannot be used. Names lines and keys, never their contents.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The file cannot be read.
    #[error("the key ring file cannot be read")]
    Unreadable(#[source] std::io::Error),
    /// Others can read the file.
    #[error("the key ring file can be read by others: its mode must be 0600 or 0400")]
    Exposed,
    /// A line is not `name:base64`.
    #[error(
        "line {0} of the key ring is not a name of 1 to 64 letters, digits, '-' or '_', a colon and 32 bytes in base64"
    )]
    BadLine(usize),
    /// A name stands twice.
    #[error("line {0} of the key ring repeats a name")]
    Duplicate(usize),
    /// No line holds a key.
    #[error("the key ring is empty")]
    Empty,
    /// A key differs from the one that was registered under its name.
    #[error("key '{0}' is not the key that this database was used with")]
    Mismatch(String),
    /// The database knows a key that the ring lacks.
    #[error("the key ring lacks key '{0}', which this database was used with")]
    Missing(String),
    /// The database could not be asked.
    #[error("the registered keys cannot be read")]
    Store(#[source] kernel::StoreError),
}

impl KeyRing {
    /// A ring of one new key, as it would stand in a file, for [`KeyRing::parse`].
    pub fn generate_file(kid: &str) -> Zeroizing<String> {
        let key = Key::new(random::<KEY_BYTES>());
        let encoded = Zeroizing::new(STANDARD.encode(key.as_slice()));
        let mut text = Zeroizing::new(String::with_capacity(128));
        writeln!(text, "{kid}:{}", encoded.as_str()).expect("writing to a string works");
        text
    }

    /// Reads the ring from a file that only its owner can read.
    pub fn load(path: &Path) -> Result<Self, KeyRingError> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(path)
                .map_err(KeyRingError::Unreadable)?
                .permissions()
                .mode();
            if mode & 0o077 != 0 {
                return Err(KeyRingError::Exposed);
            }
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(KeyRingError::Unreadable)?);
        Self::parse(&text)
    }

    /// Understands the text of a ring file. Empty lines and lines that begin with `#` are passed over.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut entries: Vec<Entry> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let number = index + 1;
            let (kid, encoded) = line.split_once(':').ok_or(KeyRingError::BadLine(number))?;
            let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            let decoded = Zeroizing::new(
                STANDARD
                    .decode(encoded.trim())
                    .map_err(|_| KeyRingError::BadLine(number))?,
            );
            let key: [u8; KEY_BYTES] = decoded
                .as_slice()
                .try_into()
                .map_err(|_| KeyRingError::BadLine(number))?;
            if kid.is_empty() || kid.len() > MAX_KID || !kid.bytes().all(named) {
                return Err(KeyRingError::BadLine(number));
            }
            if entries.iter().any(|entry| entry.kid == kid) {
                return Err(KeyRingError::Duplicate(number));
            }
            entries.push(Entry {
                kid: kid.to_owned(),
                key: Key::new(key),
            });
        }
        if entries.is_empty() {
            Err(KeyRingError::Empty)
        } else {
            Ok(Self { entries })
        }
    }

    /// The name of the key that wraps new data keys.
    pub(crate) fn active(&self) -> &str {
        &self.entries.last().expect("a ring is never empty").kid
    }

    /// The key of this name.
    pub(crate) fn key(&self, kid: &str) -> Option<&Key> {
        self.entries
            .iter()
            .find(|entry| entry.kid == kid)
            .map(|entry| &entry.key)
    }

    /// The names of all keys.
    pub(crate) fn kids(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.kid.as_str())
    }

    /// A key for another purpose, derived from the active key.
    pub(crate) fn derived(&self, purpose: &str) -> SecretBytes {
        let active = self.entries.last().expect("a ring is never empty");
        let mut bytes = vec![0; KEY_BYTES];
        Hkdf::<Sha256>::new(None, active.key.as_slice())
            .expand_multi_info(&[b"derived/v1/", purpose.as_bytes()], &mut bytes)
            .expect("32 bytes are allowed");
        SecretBytes::new(bytes)
    }

    /// What the database keeps to recognise the key of this name: it tells nothing of the key.
    pub(crate) fn check_value(&self, kid: &str) -> Option<Vec<u8>> {
        let key = self.key(kid)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("any length will do");
        mac.update(b"kcv");
        mac.update(kid.as_bytes());
        Some(mac.finalize().into_bytes().to_vec())
    }
}

#[cfg(test)]
#[path = "ring/tests.rs"]
mod tests;
