//! The form of files and manifests, as far as it matters to whoever reads them next.

use std::fs;

use super::{packages, root, sources};

/// The most lines of a source file.
const MOST_LINES: usize = 400;

/// Longer files, each with the reason. May only shrink.
const LONGER: [(&str, &str); 1] = [(
    "tests/it/access/cases.rs",
    "one table of all operations: a part of it would be no proof",
)];

#[test]
fn every_file_says_what_it_is_for() {
    let mut silent = Vec::new();
    for package in packages() {
        let files = sources(&package);
        assert!(!files.is_empty(), "{package} has sources");
        let speaks = |text: &str| {
            text.lines()
                .next()
                .is_some_and(|line| line.starts_with("//! ") && line.len() > 10)
        };
        silent.extend(
            files
                .into_iter()
                .filter(|file| !speaks(&file.text))
                .map(|file| file.path),
        );
    }
    assert!(
        silent.is_empty(),
        "the first line of each file says what it is for: {silent:#?}"
    );
}

#[test]
fn no_source_file_is_long_without_a_reason() {
    let mut long = Vec::new();
    for package in packages() {
        for file in sources(&package) {
            let lines = file.text.lines().count();
            if lines > MOST_LINES {
                long.push((file.path, lines));
            }
        }
    }
    for (path, lines) in &long {
        let excused = LONGER
            .iter()
            .any(|(file, reason)| file == path && !reason.is_empty());
        assert!(excused, "{path} has {lines} lines: part it, or say why not");
    }
    for (path, _) in LONGER {
        assert!(
            long.iter().any(|(file, _)| file == path),
            "{path} needs no excuse any more"
        );
    }
}

#[test]
fn every_crate_uses_the_workspace_lints() {
    for package in packages() {
        let manifest = fs::read_to_string(root().join(&package).join("Cargo.toml")).expect("a manifest");
        assert!(
            uses_workspace_lints(&manifest),
            "{package} lacks [lints] workspace = true"
        );
    }
}

#[test]
fn a_crate_without_the_lints_is_noticed() {
    assert!(uses_workspace_lints("[package]\n\n[lints]\nworkspace = true\n"));
    assert!(!uses_workspace_lints("[package]\nname = \"x\"\n"));
    assert!(!uses_workspace_lints(
        "[lints]\n\n[dependencies]\nworkspace = true\n"
    ));
    assert!(!uses_workspace_lints("[lints.clippy]\nall = \"allow\"\n"));
}

fn uses_workspace_lints(manifest: &str) -> bool {
    let mut after = manifest
        .lines()
        .skip_while(|line| line.trim() != "[lints]")
        .skip(1);
    after
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| line.trim() == "workspace = true")
}
