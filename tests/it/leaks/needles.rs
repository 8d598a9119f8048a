//! What is looked for: canaries in every form in which a program may carry a text on, and a
//! search that looks for all of them at once.

use std::collections::BTreeSet;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::Value;
use url::form_urlencoded;

/// Shorter texts would be found by chance.
const SHORTEST: usize = 8;

/// Something that must not be found.
#[derive(Debug, Clone)]
pub(crate) struct Canary {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    /// Parts of the names of places where it may stand.
    pub(crate) kept_in: &'static [&'static str],
}

/// A place that was searched, such as `log` or `row workspaces`.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub(crate) place: String,
    pub(crate) bytes: Vec<u8>,
}

/// A canary that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Find {
    pub(crate) canary: &'static str,
    pub(crate) form: &'static str,
    pub(crate) place: String,
}

impl Canary {
    /// One that may stand nowhere.
    pub(crate) fn new(name: &'static str, text: &str) -> Self {
        Self::of_bytes(name, text.as_bytes())
    }

    pub(crate) fn of_bytes(name: &'static str, bytes: &[u8]) -> Self {
        assert!(bytes.len() >= SHORTEST, "{name} is too short");
        Self {
            name,
            bytes: bytes.to_vec(),
            kept_in: &[],
        }
    }

    pub(crate) fn may_stand_in(mut self, places: &'static [&'static str]) -> Self {
        self.kept_in = places;
        self
    }

    /// Its forms, each with its name, without repetitions.
    pub(crate) fn forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut forms = vec![("raw", self.bytes.clone())];
        if let Ok(text) = std::str::from_utf8(&self.bytes) {
            let once = json(text);
            forms.push(("JSON in JSON", json(&once).into_bytes()));
            forms.push(("JSON", once.into_bytes()));
            forms.push(("JSON in ASCII", ascii_json(text).into_bytes()));
            forms.push(("HTML", html(text).into_bytes()));
            forms.push(("backwards", text.chars().rev().collect::<String>().into_bytes()));
        } else {
            forms.push(("backwards", self.bytes.iter().rev().copied().collect()));
        }
        forms.push(("URL", percent(&self.bytes, "%").into_bytes()));
        forms.push((
            "URL in lower case",
            percent(&self.bytes, "%").to_ascii_lowercase().into_bytes(),
        ));
        forms.push((
            "form",
            form_urlencoded::byte_serialize(&self.bytes)
                .collect::<String>()
                .into_bytes(),
        ));
        forms.push(("hexadecimal", hex(&self.bytes).into_bytes()));
        forms.push(("HEXADECIMAL", hex(&self.bytes).to_ascii_uppercase().into_bytes()));
        for (shift, names) in BASE64.iter().enumerate() {
            forms.push((
                names[0],
                base64(&self.bytes, shift, |bytes| STANDARD_NO_PAD.encode(bytes)),
            ));
            forms.push((
                names[1],
                base64(&self.bytes, shift, |bytes| URL_SAFE_NO_PAD.encode(bytes)),
            ));
        }
        let mut seen = BTreeSet::new();
        forms.retain(|(_, form)| form.len() >= SHORTEST && seen.insert(form.clone()));
        forms
    }
}

/// By how many bytes stand before the text.
const BASE64: [[&str; 2]; 3] = [
    ["base64", "base64url"],
    ["base64 after one byte", "base64url after one byte"],
    ["base64 after two bytes", "base64url after two bytes"],
];

fn json(text: &str) -> String {
    Value::from(text).to_string().trim_matches('"').to_owned()
}

/// With `\uXXXX` for everything that is not ASCII.
fn ascii_json(text: &str) -> String {
    let mut ascii = String::new();
    for character in json(text).chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units);
            ascii.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    ascii
}

fn html(text: &str) -> String {
    let escapes = [
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&#39;"),
    ];
    escapes.iter().fold(text.to_owned(), |text, (character, escape)| {
        text.replace(*character, escape)
    })
}

fn percent(bytes: &[u8], sign: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let one = |byte: &u8| {
        if plain(byte) {
            char::from(*byte).to_string()
        } else {
            format!("{sign}{byte:02X}")
        }
    };
    bytes.iter().map(one).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

/// The part that does not depend on what stands before and behind.
fn base64(bytes: &[u8], shift: usize, encode: impl Fn(&[u8]) -> String) -> Vec<u8> {
    let shifted = [&vec![0; shift], bytes].concat();
    let first = (shift * 8).div_ceil(6);
    let certain = shifted.len() * 8 / 6;
    encode(&shifted).as_bytes()[first..certain].to_vec()
}

/// All forms of all canaries, by their first two bytes.
pub(crate) struct Sweep {
    needles: Vec<(Canary, &'static str, Vec<u8>)>,
    by_start: Vec<Vec<usize>>,
}

impl Sweep {
    pub(crate) fn of(canaries: &[Canary]) -> Self {
        let mut sweep = Self {
            needles: Vec::new(),
            by_start: vec![Vec::new(); 1 << 16],
        };
        for canary in canaries {
            for (form, bytes) in canary.forms() {
                sweep.by_start[start(bytes[0], bytes[1])].push(sweep.needles.len());
                sweep.needles.push((canary.clone(), form, bytes));
            }
        }
        sweep
    }

    /// Everything that stands where it must not.
    pub(crate) fn search<'a>(&self, evidence: impl IntoIterator<Item = &'a Evidence>) -> BTreeSet<Find> {
        let mut finds = BTreeSet::new();
        for Evidence { place, bytes } in evidence {
            for (at, pair) in bytes.windows(2).enumerate() {
                for needle in &self.by_start[start(pair[0], pair[1])] {
                    let (canary, form, form_bytes) = &self.needles[*needle];
                    let kept = || canary.kept_in.iter().any(|kept| place.contains(kept));
                    if bytes[at..].starts_with(form_bytes) && !kept() {
                        finds.insert(Find {
                            canary: canary.name,
                            form,
                            place: place.clone(),
                        });
                    }
                }
            }
        }
        finds
    }
}

const fn start(first: u8, second: u8) -> usize {
    (first as usize) << 8 | second as usize
}
