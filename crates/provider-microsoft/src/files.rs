//! Reading the small files that the operator of the installation names: secrets, certificates,
//! tokens of another issuer. Anew each time, so that a rotated file is used without a restart.

use std::{fs::File, io::Read as _, path::Path};

use zeroize::Zeroizing;

/// Why a file cannot be used. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileProblem {
    /// Not there, not ours to read, not a file, or too large.
    Unreadable,
    /// Its mode lets others of this machine read or change it.
    OpenToOthers,
}

/// Whether others may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// It must be its owner's alone.
    Private,
    /// Its mode is not the operator's to choose.
    Any,
}

/// Reads a file of at most `most` bytes.
pub(crate) fn read(path: &Path, most: usize, privacy: Privacy) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    let file = File::open(path).map_err(|_| FileProblem::Unreadable)?;
    // Of the open file, not of the name: the name may point elsewhere a moment later.
    let facts = file.metadata().map_err(|_| FileProblem::Unreadable)?;
    let small = usize::try_from(facts.len()).is_ok_and(|length| length <= most);
    if !facts.is_file() || !small {
        return Err(FileProblem::Unreadable);
    }
    #[cfg(unix)]
    if privacy == Privacy::Private
        && std::os::unix::fs::PermissionsExt::mode(&facts.permissions()) & 0o077 != 0
    {
        return Err(FileProblem::OpenToOthers);
    }
    // One byte more than allowed: a file that grows meanwhile is noticed.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|_| FileProblem::Unreadable)?;
    if bytes.len() > most {
        return Err(FileProblem::Unreadable);
    }
    Ok(bytes)
}

/// The same as text without the line end that editors put behind it.
pub(crate) fn read_line(
    path: &Path,
    most: usize,
    privacy: Privacy,
) -> Result<Zeroizing<String>, FileProblem> {
    let bytes = read(path, most, privacy)?;
    let text = str::from_utf8(&bytes).map_err(|_| FileProblem::Unreadable)?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

#[cfg(test)]
mod tests;
