//! Certificates, keys and PKCS #12 files, made by OpenSSL for this test process: no key stands in the
//! tree, and none ends while the tests are still in use.

use std::{collections::HashMap, fmt, fs, ops::Deref, process::Command, sync::LazyLock};

static FILES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/make.sh");
    let made = Command::new("sh").arg(script).arg(folder.path()).output();
    let made = made.expect("there is a shell");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "OpenSSL 3 is needed: {said}");
    let entries = fs::read_dir(folder.path()).expect("the folder").flatten();
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a plain name");
        (name, fs::read_to_string(entry.path()).expect("a text"))
    };
    entries.map(read).collect()
});

/// The text of a file of `fixtures/make.sh`.
pub(crate) fn file(name: &str) -> &'static str {
    FILES.get(name).unwrap_or_else(|| panic!("{name} is not made"))
}

/// A file that many tests use, by a name of its own.
pub(crate) struct Made(pub(super) &'static str);

impl Deref for Made {
    type Target = str;

    fn deref(&self) -> &'static str {
        file(self.0)
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
