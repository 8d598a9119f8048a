//! Certificates that OpenSSL makes for this test process, by the script of the adapter's own tests:
//! no key stands in the tree.

use std::{collections::HashMap, fs, process::Command, sync::LazyLock};

static FILES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/provider-microsoft/fixtures/make.sh"
    );
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

/// The text of a file of the script.
pub fn file(name: &str) -> &'static str {
    FILES.get(name).unwrap_or_else(|| panic!("{name} is not made"))
}
