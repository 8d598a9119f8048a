//! Files that only their owner may read.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::SecretBytes;
use zeroize::Zeroizing;

/// Makes a new file with mode 0600. An existing one is left alone and reported.
pub fn create_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// Puts a private file at `path` in one step: a reader sees the old one or the whole new one.
pub fn replace_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = Path::new(&beside);
    // Left over by a process of the same number that died in between, as happens in containers.
    match std::fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    create_private(beside, contents)?;
    std::fs::rename(beside, path)
}

/// Removes what an earlier process left at `path`: whoever waits for the file must not find an old
/// address in it.
pub fn forget(path: Option<&Path>) -> io::Result<()> {
    match path.map(std::fs::remove_file) {
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Some(_) | None => Ok(()),
    }
}

/// 32 random bytes.
///
/// # Panics
/// When the operating system has no randomness: nothing can be kept secret then.
pub fn random_key() -> SecretBytes {
    let mut bytes = vec![0; 32];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    SecretBytes::new(bytes)
}

/// A key as it stands in a file.
pub fn encode_key(key: &SecretBytes) -> Zeroizing<String> {
    Zeroizing::new(format!("{}\n", STANDARD.encode(key.expose())))
}

/// Reads a key of 32 bytes in base64 from a file that only its owner can read.
pub fn read_key(path: &Path) -> io::Result<SecretBytes> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path)?.permissions());
        if mode & 0o077 != 0 {
            return Err(io::Error::other(
                "others can read it: its mode must be 0600 or 0400",
            ));
        }
    }
    let text = Zeroizing::new(std::fs::read_to_string(path)?);
    let bytes = STANDARD
        .decode(text.trim())
        .map_err(|_| io::Error::other("not base64"))?;
    if bytes.len() != 32 {
        return Err(io::Error::other("not 32 bytes"));
    }
    Ok(SecretBytes::new(bytes))
}
