//! The key ring: a file of named keys. Which of them is active, the database says; the order of
//! the lines counts only when a database meets its first ring. Without a ring nothing starts:
//! there is no mode that stores in the clear.

mod error;
mod file;

use std::{
    fmt::Write as _,
    path::Path,
    sync::{PoisonError, RwLock, RwLockReadGuard},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel::SecretBytes;
use sha2::Sha256;
use zeroize::Zeroizing;

use self::file::RingFile;
use super::{KEY_BYTES, Key, random};

pub use self::error::KeyRingError;

/// The longest name of a key.
const MAX_KID: usize = 64;

/// Keys by name. No `Debug`, no `Clone`.
pub struct KeyRing {
    entries: RwLock<Vec<Entry>>,
    file: Option<RingFile>,
}

struct Entry {
    kid: String,
    key: Key,
    /// Whether the database was asked, and knows exactly this key under this name.
    trusted: bool,
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

    /// Reads the ring from a file that only its owner can read. The ring remembers the path: a
    /// key that is added to the file later is found without a restart.
    pub fn load(path: &Path) -> Result<Self, KeyRingError> {
        let file = RingFile::at(path);
        let entries = parse(&file.read()?)?;
        Ok(Self {
            entries: RwLock::new(entries),
            file: Some(file),
        })
    }

    /// Understands the text of a ring file. Empty lines and lines that begin with `#` are passed
    /// over. A ring of text stays as it is.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        Ok(Self {
            entries: RwLock::new(parse(text)?),
            file: None,
        })
    }

    /// The names of all keys, in the order of the lines. Never empty.
    pub fn kids(&self) -> Vec<String> {
        self.read().iter().map(|entry| entry.kid.clone()).collect()
    }

    /// The key of this name, whatever the database thinks of it.
    pub(crate) fn key(&self, kid: &str) -> Option<Key> {
        let entries = self.read();
        let entry = entries.iter().find(|entry| entry.kid == kid)?;
        Some(entry.key.clone())
    }

    /// The key of this name, if [`KeyRing::trust`] was told that it is the right one.
    pub(crate) fn trusted_key(&self, kid: &str) -> Option<Key> {
        let entries = self.read();
        let entry = entries.iter().find(|entry| entry.kid == kid && entry.trusted)?;
        Some(entry.key.clone())
    }

    /// Notes that the database knows the key of this name by its check value.
    pub(crate) fn trust(&self, kid: &str) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        for entry in entries.iter_mut().filter(|entry| entry.kid == kid) {
            entry.trusted = true;
        }
    }

    /// Takes new keys from the file, if it changed since it was last read. Keys that are trusted
    /// stay as they are, also when the file lost them. A file that cannot be read or understood
    /// changes nothing and is logged once.
    pub(crate) fn reload(&self) {
        let Some(text) = self.file.as_ref().and_then(RingFile::read_if_changed) else {
            return;
        };
        match text.and_then(|text| parse(&text)) {
            Ok(fresh) => {
                let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
                entries.retain(|entry| entry.trusted);
                let new = |entry: &Entry| entries.iter().all(|known| known.kid != entry.kid);
                let mut added: Vec<_> = fresh.into_iter().filter(new).collect();
                entries.append(&mut added);
                tracing::info!(keys = entries.len(), "the key ring file was read again");
            }
            Err(error) => tracing::error!(%error, "the key ring file changed and cannot be used"),
        }
    }

    /// A key for another purpose, derived from the key of this name; nothing if there is none.
    pub(crate) fn derived(&self, kid: &str, purpose: &str) -> Option<SecretBytes> {
        let key = self.key(kid)?;
        let mut bytes = vec![0; KEY_BYTES];
        Hkdf::<Sha256>::new(None, key.as_slice())
            .expand_multi_info(&[b"derived/v1/", purpose.as_bytes()], &mut bytes)
            .expect("32 bytes are allowed");
        Some(SecretBytes::new(bytes))
    }

    /// What the database keeps to recognise the key of this name: it tells nothing of the key.
    pub(crate) fn check_value(&self, kid: &str) -> Option<Vec<u8>> {
        let key = self.key(kid)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("any length will do");
        mac.update(b"kcv");
        mac.update(kid.as_bytes());
        Some(mac.finalize().into_bytes().to_vec())
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Entry>> {
        // What a panicking holder leaves behind is whole: entries are only added or marked.
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(text: &str) -> Result<Vec<Entry>, KeyRingError> {
    let mut entries: Vec<Entry> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let entry = entry(line).ok_or(KeyRingError::BadLine(number))?;
        if entries.iter().any(|known| known.kid == entry.kid) {
            return Err(KeyRingError::Duplicate(number));
        }
        entries.push(entry);
    }
    if entries.is_empty() {
        Err(KeyRingError::Empty)
    } else {
        Ok(entries)
    }
}

fn entry(line: &str) -> Option<Entry> {
    let (kid, encoded) = line.split_once(':')?;
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let key: [u8; KEY_BYTES] = decoded.as_slice().try_into().ok()?;
    let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if kid.is_empty() || kid.len() > MAX_KID || !kid.bytes().all(named) {
        return None;
    }
    Some(Entry {
        kid: kid.to_owned(),
        key: Key::new(key),
        trusted: false,
    })
}

#[cfg(test)]
mod tests;
