//! Files that only their owner may read.

use std::{
    fs::{File, Metadata, OpenOptions},
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
    replace(path, contents, None)
}

/// Adds `line`, which ends with a newline, to the private file at `path` in one step, unless
/// `holds` says of the text that it is there already. Of several processes that do so at the same
/// time each sees what the one before wrote. Owner and mode stay, and a link stays a link.
/// Returns whether the line was added.
pub fn append_private(path: &Path, line: &str, holds: impl FnOnce(&str) -> bool) -> io::Result<bool> {
    let path = path.canonicalize()?;
    // The folder's lock, not the file's: the file itself is replaced. Given up when dropped.
    let folder = open_folder(&path)?;
    if let Some(folder) = &folder {
        folder.lock()?;
    }
    let metadata = std::fs::metadata(&path)?;
    let text = Zeroizing::new(std::fs::read_to_string(&path)?);
    if holds(&text) {
        return Ok(false);
    }
    // A buffer that grows leaves copies behind: the room is made first.
    let mut whole = Zeroizing::new(String::with_capacity(text.len() + line.len() + 1));
    whole.push_str(&text);
    if !whole.is_empty() && !whole.ends_with('\n') {
        whole.push('\n');
    }
    whole.push_str(line);
    replace(&path, whole.as_bytes(), Some(&metadata))?;
    Ok(true)
}

fn replace(path: &Path, contents: &[u8], like: Option<&Metadata>) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = Path::new(&beside);
    // Left over by a process of the same number that died in between, as happens in containers.
    match std::fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    create_private(beside, contents)?;
    if let Some(like) = like {
        keep_owner(beside, like)?;
        std::fs::set_permissions(beside, like.permissions())?;
    }
    std::fs::rename(beside, path)?;
    // A new name is on the disk when its folder is.
    open_folder(path)?.map_or(Ok(()), |folder| folder.sync_all())
}

/// The folder of `path`, where folders can be opened.
fn open_folder(path: &Path) -> io::Result<Option<File>> {
    if cfg!(unix) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new("."))).map(Some)
    } else {
        Ok(None)
    }
}

/// A file that root writes anew still belongs to whom it did.
#[cfg(unix)]
fn keep_owner(path: &Path, like: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let now = std::fs::metadata(path)?;
    if (now.uid(), now.gid()) == (like.uid(), like.gid()) {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(like.uid()), Some(like.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_path: &Path, _like: &Metadata) -> io::Result<()> {
    Ok(())
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
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
        if !kernel::is_private(path, mode, credentials.as_deref().map(Path::new)) {
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
