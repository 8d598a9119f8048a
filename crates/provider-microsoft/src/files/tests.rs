//! What can be read, and what is left alone.

use std::{fs, path::PathBuf};

use super::*;

fn file(folder: &tempfile::TempDir, content: &[u8], mode: u32) -> PathBuf {
    let path = folder.path().join("file");
    fs::write(&path, content).expect("is written");
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("is set");
    path
}

#[test]
fn a_small_private_file_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    for (content, line) in [
        ("text", "text"),
        ("text\n", "text"),
        ("text\r\n", "text"),
        ("a\n\n", "a\n"),
        ("", ""),
    ] {
        let path = file(&folder, content.as_bytes(), 0o600);
        let read = read_line(&path, 16, Privacy::Private).expect("is read");
        assert_eq!(read.as_str(), line);
    }
    let path = file(&folder, b"text", 0o400);
    assert_eq!(
        read(&path, 4, Privacy::Private).expect("is read").as_slice(),
        b"text"
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_or_change_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for mode in [0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o601, 0o666] {
        let path = file(&folder, b"text", mode);
        let answer = read(&path, 16, Privacy::Private).err();
        assert_eq!(answer, Some(FileProblem::OpenToOthers), "{mode:o}");
        assert!(read(&path, 16, Privacy::Any).is_ok());
    }
}

#[test]
fn what_is_no_small_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let unreadable = Some(FileProblem::Unreadable);
    let missing = folder.path().join("missing");
    assert_eq!(read(&missing, 16, Privacy::Private).err(), unreadable);
    assert_eq!(read(folder.path(), 1 << 20, Privacy::Any).err(), unreadable);
    let path = file(&folder, b"text", 0o600);
    assert_eq!(read(&path, 3, Privacy::Private).err(), unreadable);
    let path = file(&folder, &[0xff], 0o600);
    assert_eq!(read_line(&path, 3, Privacy::Private).err(), unreadable);
}
