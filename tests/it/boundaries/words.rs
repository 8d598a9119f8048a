//! Where a provider's words may stand, who may name an adapter, and what the API is never handed.

use std::fs;

use provider_core::boundary::{Home, Owner, SEAMS};

use super::{NEUTRAL, packages, root, sources};

/// Words of the provider, found inside longer words too.
const PARTS: [&str; 5] = ["microsoft", "aadsts", "intune", "azure", "msgraph"];
/// Words of the provider that are parts of innocent words: only whole words count, where
/// `GraphError` and `graph_error` hold the whole word and `paragraph` does not.
const WHOLE: [&str; 2] = ["entra", "graph"];

/// Files of the neutral part that may hold a word. May only shrink: an entry that nothing needs
/// fails too. Empty, and meant to stay so.
const ALLOWED: [(&str, &str); 0] = [];

#[test]
fn neutral_crates_name_no_provider() {
    let mut files: Vec<(String, String)> = Vec::new();
    for folder in NEUTRAL {
        let found = sources(&format!("{folder}/src"));
        assert!(!found.is_empty(), "{folder} has sources");
        files.extend(found.into_iter().map(|source| (source.path, source.text)));
        let manifest = format!("{folder}/Cargo.toml");
        files.push((manifest.clone(), read(&manifest)));
    }
    for path in ["openapi/v1.json", "openapi/problems.txt"] {
        files.push((path.to_owned(), read(path)));
    }
    let mut used = Vec::new();
    let mut problems = Vec::new();
    for (path, text) in &files {
        for (line, word) in provider_words(text) {
            match ALLOWED
                .iter()
                .find(|(file, allowed)| file == path && *allowed == word)
            {
                Some(entry) => used.push(entry),
                None => problems.push(format!("{path}:{line}: {word}")),
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    for entry in &ALLOWED {
        assert!(used.contains(&entry), "{entry:?} is not needed any more");
    }
}

#[test]
fn a_provider_word_is_noticed_in_every_spelling() {
    let noticed = [
        "see https://login.microsoftonline.com",
        "MICROSOFT_CLIENT",
        "struct GraphError;",
        "let graph_url = 1;",
        "the Graph API",
        "EntraId",
        "entra.rs",
        "AADSTS50020",
        "IntuneDevice",
        "\"azure\"",
        "msgraph",
    ];
    for text in noticed {
        assert_eq!(provider_words(text).len(), 1, "{text}");
    }
    for text in [
        "centrally",
        "a paragraph",
        "entrance",
        "tenant",
        "concentrated",
        "graphical",
        "photography",
    ] {
        assert_eq!(provider_words(text), [], "{text}");
    }
    assert_eq!(provider_words("one\ntwo entra\n"), [(2, "entra")]);
}

#[test]
fn every_seam_has_its_home() {
    let mut keys: Vec<_> = SEAMS.iter().map(|seam| seam.key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), SEAMS.len(), "each key stands once");
    for seam in SEAMS {
        let path = match seam.home {
            Home::Core { package, module } => {
                assert!(
                    NEUTRAL.contains(&format!("crates/{package}").as_str()),
                    "{} is scanned",
                    seam.key
                );
                assert_eq!(seam.owner, Owner::PlatformCore, "{}", seam.key);
                format!("crates/{package}/src/{module}")
            }
            Home::Adapter { module } => {
                assert_eq!(seam.owner, Owner::ProviderOwned, "{}", seam.key);
                format!("crates/provider-microsoft/src/{module}")
            }
        };
        assert!(
            root().join(&path).is_file(),
            "{} says that it lives in {path}",
            seam.key
        );
    }
}

#[test]
fn adapters_are_named_by_the_composition_root_only() {
    for adapter in ["provider-microsoft", "storage-sea-orm"] {
        let name = adapter.replace('-', "_");
        let own = format!("crates/{adapter}");
        let mut named = Vec::new();
        for package in packages() {
            if [own.as_str(), "crates/server", "tests"].contains(&package.as_str()) {
                continue;
            }
            let files = sources(&package).into_iter();
            named.extend(
                files
                    .filter(|file| has_identifier(&file.text, &name))
                    .map(|file| file.path),
            );
        }
        assert!(named.is_empty(), "{name} is named in {named:?}");
        let composed = sources("crates/server")
            .iter()
            .any(|file| has_identifier(&file.text, &name));
        assert!(
            composed,
            "the composition root names {name}, so the search finds it"
        );
    }
}

#[test]
fn the_api_is_handed_nothing_that_goes_out_or_decrypts() {
    let powers = [
        "ProviderExecutor",
        "InventoryExecutor",
        "CredentialVault",
        "PlatformVault",
        "OpenedCredential",
        "ConnectionAccess",
    ];
    for power in powers {
        for file in sources("crates/api") {
            assert!(!has_identifier(&file.text, power), "{} names {power}", file.path);
        }
        let elsewhere = sources("crates/worker")
            .iter()
            .any(|file| has_identifier(&file.text, power));
        let defined = sources("crates/provider-core")
            .iter()
            .any(|file| has_identifier(&file.text, power));
        assert!(elsewhere || defined, "{power} is the name of something");
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("a text")
}

/// The provider's words in `text`, with the number of their line.
fn provider_words(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let lower = line.to_ascii_lowercase();
        let words = words(line);
        let parts = PARTS.into_iter().filter(|part| lower.contains(part));
        let whole = WHOLE
            .into_iter()
            .filter(|whole| words.iter().any(|word| word == whole));
        found.extend(parts.chain(whole).map(|word| (index + 1, word)));
    }
    found
}

/// The words of a line in lower case: parted at everything but letters, and before a capital that
/// follows a small letter.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for character in line.chars() {
        if !character.is_ascii_alphabetic() || (character.is_ascii_uppercase() && after_small) {
            words.push(String::new());
        }
        if character.is_ascii_alphabetic() {
            words
                .last_mut()
                .expect("never empty")
                .push(character.to_ascii_lowercase());
        }
        after_small = character.is_ascii_lowercase();
    }
    words
}

/// Whether `name` stands in `text` and is not a part of a longer identifier.
fn has_identifier(text: &str, name: &str) -> bool {
    let inside = |character: Option<char>| character.is_some_and(|one| one.is_alphanumeric() || one == '_');
    text.match_indices(name).any(|(start, _)| {
        !inside(text[..start].chars().next_back()) && !inside(text[start + name.len()..].chars().next())
    })
}
