//! The lines between the crates, held by reading the sources and `cargo metadata`: which crate
//! may know which, who may name a guarded library, where a provider's words may stand.
//!
//! Every list here is literal and complete: what is not listed fails, and so does an entry that
//! nothing needs any more.

mod arrows;
mod files;
mod points;
mod words;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The crates in which no provider may be named.
const NEUTRAL: [&str; 10] = [
    "crates/kernel",
    "crates/tenancy",
    "crates/provider-core",
    "crates/operations",
    "crates/inventory",
    "crates/storage",
    "crates/storage-sea-orm",
    "crates/worker",
    "crates/api",
    "migration",
];

/// A source file.
struct Source {
    /// Its path from the root of the workspace, with `/`.
    path: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
        .to_owned()
}

/// The folders of all packages, from the root.
fn packages() -> Vec<String> {
    let mut folders: Vec<_> = fs::read_dir(root().join("crates"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| format!("crates/{}", entry.file_name().to_string_lossy()))
        .collect();
    folders.extend(["migration".to_owned(), "tests".to_owned()]);
    folders.sort();
    assert!(folders.len() > 10, "the packages are found: {folders:?}");
    folders
}

/// Every Rust file under `folder`, in stable order.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join(folder), &mut found);
    found.sort();
    let source = |path: PathBuf| Source {
        text: fs::read_to_string(&path).expect("a text"),
        path: path
            .strip_prefix(root())
            .expect("below the root")
            .to_string_lossy()
            .replace('\\', "/"),
    };
    found.into_iter().map(source).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
