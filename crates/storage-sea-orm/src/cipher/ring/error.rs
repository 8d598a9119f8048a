//! Why a ring cannot be used, and what to do about it.

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
    #[error(
        "key '{0}' is not the key that this database was used with: put back the line of '{0}' from another host's \
         key ring file or from its backup. If that key is lost for ever, `tenantatlas keys forget {0} --lost` gives up \
         what it protects"
    )]
    Mismatch(String),
    /// The database needs a key that the ring lacks.
    #[error(
        "the key ring lacks key '{0}', which this database was used with: copy the line of '{0}' from another host's \
         key ring file or from its backup. If that key is lost for ever, `tenantatlas keys forget {0} --lost` gives up \
         what it protects"
    )]
    Missing(String),
    /// Keys are known, and none of them is active.
    #[error(
        "no key of this database is active: `tenantatlas keys add` registers one, `tenantatlas keys rotate` activates it"
    )]
    NoneActive,
    /// The database could not be asked.
    #[error("the registered keys cannot be read")]
    Store(#[from] kernel::StoreError),
}
