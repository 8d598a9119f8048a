//! The file that a ring was read from, and whether it changed since.

use std::{
    fs::{self, Metadata},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use zeroize::Zeroizing;

use super::KeyRingError;

/// What tells one state of a file from the next without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// File number, and the time of the last change of mode, owner or contents.
    inode: (u64, i64, i64),
}

/// A ring file.
pub(super) struct RingFile {
    path: PathBuf,
    seen: Mutex<Option<Stamp>>,
}

impl RingFile {
    pub(super) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            seen: Mutex::new(None),
        }
    }

    /// The text, if only the owner can read the file.
    pub(super) fn read(&self) -> Result<Zeroizing<String>, KeyRingError> {
        let metadata = fs::metadata(&self.path).map_err(KeyRingError::Unreadable)?;
        // Before the text: what is written in between is noticed the next time.
        self.note(&metadata);
        self.read_private(&metadata)
    }

    /// The text, if the file is not as it was when it was last looked at. A key that is asked for
    /// again and again costs a look at the file, not a read of it.
    pub(super) fn read_if_changed(&self) -> Option<Result<Zeroizing<String>, KeyRingError>> {
        let metadata = fs::metadata(&self.path).ok()?;
        self.note(&metadata).then(|| self.read_private(&metadata))
    }

    /// Notes the state of the file; `true` if it is a new one.
    fn note(&self, metadata: &Metadata) -> bool {
        let stamp = stamp(metadata);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.replace(stamp) != Some(stamp)
    }

    fn read_private(&self, metadata: &Metadata) -> Result<Zeroizing<String>, KeyRingError> {
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
            let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
            if !kernel::is_private(&self.path, mode, credentials.as_deref().map(Path::new)) {
                return Err(KeyRingError::Exposed);
            }
        }
        fs::read_to_string(&self.path)
            .map(Zeroizing::new)
            .map_err(KeyRingError::Unreadable)
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    #[cfg(unix)]
    let inode = {
        use std::os::unix::fs::MetadataExt as _;
        (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
    };
    #[cfg(not(unix))]
    let inode = (0, 0, 0);
    Stamp {
        length: metadata.len(),
        modified: metadata.modified().ok(),
        inode,
    }
}
