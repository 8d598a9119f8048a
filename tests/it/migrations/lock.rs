//! The lock file: sea-orm-migration records names and no checksums, so an edited migration would
//! go unnoticed. A line of the lock is never rewritten, not even in update mode.

use std::{fmt::Write as _, fs};

use migration::{Migrator, MigratorTrait as _};
use sha2::{Digest as _, Sha256};

use super::{folder, updating};

/// A migration's file and the hash of its bytes.
type Entry = (String, String);

#[test]
fn migrations_are_append_only() {
    let path = folder().join("migrations.lock");
    let files = files();
    let text = fs::read_to_string(&path).unwrap_or_default();
    if updating() {
        fs::write(&path, extended(&text, &files)).expect("written");
    }
    let text = fs::read_to_string(&path).unwrap_or_default();
    let problems = problems(&parse(&text), &files);
    assert!(
        problems.is_empty(),
        "{problems:#?}: write a new migration instead"
    );
}

#[test]
fn the_lock_notices_every_change() {
    let entry = |name: &str, hash: &str| (name.to_owned(), hash.to_owned());
    let lock = vec![entry("m1.rs", "aa"), entry("m2.rs", "bb")];
    assert_eq!(problems(&lock, &lock), Vec::<String>::new());
    assert_eq!(
        problems(&lock, &[entry("m1.rs", "aa"), entry("m2.rs", "cc")]),
        ["m2.rs was changed"]
    );
    assert_eq!(problems(&lock, &[entry("m2.rs", "bb")]), ["m1.rs is gone"]);
    let added = [lock.clone(), vec![entry("m3.rs", "dd")]].concat();
    assert_eq!(
        problems(&lock, &added),
        ["m3.rs is not in the lock: UPDATE_GOLDEN=1 adds it"]
    );
    let between = vec![entry("m1.rs", "aa"), entry("m2.rs", "bb"), entry("m15.rs", "ee")];
    assert_eq!(
        problems(&between, &between),
        ["m15.rs stands before a migration that was there first"]
    );
}

#[test]
fn update_mode_adds_lines_and_rewrites_none() {
    let entry = |name: &str, hash: &str| (name.to_owned(), hash.to_owned());
    let text = "aa  m1.rs\n";
    let files = [entry("m1.rs", "changed"), entry("m2.rs", "bb")];
    assert_eq!(extended(text, &files), "aa  m1.rs\nbb  m2.rs\n");
}

#[test]
fn every_file_is_registered_in_order() {
    let registered: Vec<_> = Migrator::migrations()
        .iter()
        .map(|one| format!("{}.rs", one.name()))
        .collect();
    let files: Vec<_> = files().into_iter().map(|(name, _)| name).collect();
    assert_eq!(registered, files);
}

fn files() -> Vec<Entry> {
    let entries = fs::read_dir(folder().join("src")).expect("a folder");
    let names = entries.map(|entry| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    let mut names: Vec<_> = names.filter(|name| name.starts_with('m')).collect();
    names.sort();
    assert!(!names.is_empty(), "there are migrations");
    let hashed = |name: String| {
        let bytes = fs::read(folder().join("src").join(&name)).expect("a file");
        let hash = Sha256::digest(bytes)
            .iter()
            .fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").expect("writing to a string works");
                text
            });
        (name, hash)
    };
    names.into_iter().map(hashed).collect()
}

/// The form of `sha256sum`, which can check it too.
fn parse(text: &str) -> Vec<Entry> {
    let line = |line: &str| {
        let (hash, name) = line.split_once("  ").expect("a hash and a name");
        (name.to_owned(), hash.to_owned())
    };
    text.lines().map(line).collect()
}

/// The lock with the files that it lacks.
fn extended(text: &str, files: &[Entry]) -> String {
    let known = parse(text);
    let mut text = text.to_owned();
    for (name, hash) in files
        .iter()
        .filter(|(name, _)| known.iter().all(|(other, _)| other != name))
    {
        writeln!(text, "{hash}  {name}").expect("writing to a string works");
    }
    text
}

fn problems(lock: &[Entry], files: &[Entry]) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, hash) in lock {
        match files.iter().find(|(file, _)| file == name) {
            None => problems.push(format!("{name} is gone")),
            Some((_, other)) if other != hash => problems.push(format!("{name} was changed")),
            Some(_) => {}
        }
    }
    for (name, _) in files
        .iter()
        .filter(|(name, _)| lock.iter().all(|(other, _)| other != name))
    {
        problems.push(format!("{name} is not in the lock: UPDATE_GOLDEN=1 adds it"));
    }
    for pair in lock.windows(2).filter(|pair| pair[0].0 > pair[1].0) {
        problems.push(format!(
            "{} stands before a migration that was there first",
            pair[1].0
        ));
    }
    problems
}
