//! From bytes to a request's shape. What is wrong is told by pointer and code; the words of the
//! decoder stay here, because they repeat what the caller sent.

use std::fmt::{self, Write as _};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use tenancy::name::is_unprintable;

use crate::problem::{Code, Problem};

/// Decodes `bytes`. Lists and unprintable characters are refused first, in every text and at every depth, so
/// that none reaches a domain type or the store.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let _: Printable<ONE_LINE> = parse(bytes)?;
    parse(bytes)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| describe(error.path(), error.inner()))?;
    deserializer
        .end()
        .map_err(|_| Problem::new(Code::MalformedJson))?;
    Ok(value)
}

fn describe(path: &Path, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => return Problem::new(Code::MalformedJson),
        Category::Data => {}
    }
    let (message, mut pointer) = (error.to_string(), pointer(path));
    if message.starts_with(Printable::<ONE_LINE>::MESSAGE) {
        return Problem::at(Code::ControlCharacter, &pointer, "control_character");
    }
    if message.starts_with("unknown field") {
        return Problem::at(Code::UnknownField, &pointer, "unknown_field");
    }
    if let Some(field) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next())
    {
        pointer = format!("{pointer}/{field}");
        return Problem::invalid(&pointer, "required");
    }
    Problem::invalid(&pointer, "invalid_value")
}

/// A JSON pointer. Names that are not plain words end it: they are the caller's, not ours.
fn pointer(path: &Path) -> String {
    let plain =
        |key: &str| key.len() <= 64 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => write!(pointer, "/{index}").expect("writing to a string works"),
            Segment::Map { key } | Segment::Enum { variant: key } if plain(key) => {
                pointer.push('/');
                pointer.push_str(key);
            }
            Segment::Map { .. } | Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    pointer
}

/// Fields that hold a file of several lines, as programs write it.
const FILES: [&str; 2] = ["pem", "pfx"];
/// Fields that hold a list of texts. Elsewhere a list is refused: serde would take it for a structure.
const LISTS: [&str; 2] = ["environment_ids", "event_types"];
/// Texts of any other field.
const ONE_LINE: bool = false;
/// Texts of those fields.
const LINES: bool = true;

/// Any JSON value whose texts and names can be printed, in lines if `WITH_BREAKS` says so. Keeps
/// nothing.
struct Printable<const WITH_BREAKS: bool>;

impl<const WITH_BREAKS: bool> Printable<WITH_BREAKS> {
    const MESSAGE: &str = "control character";

    fn check<E: serde::de::Error>(text: &str) -> Result<Self, E> {
        let line_break = |character| WITH_BREAKS && matches!(character, '\n' | '\r');
        if text
            .chars()
            .any(|character| is_unprintable(character) && !line_break(character))
        {
            Err(E::custom(Self::MESSAGE))
        } else {
            Ok(Self)
        }
    }
}

impl<'de, const WITH_BREAKS: bool> Deserialize<'de> for Printable<WITH_BREAKS> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PrintableVisitor)
    }
}

struct PrintableVisitor<const WITH_BREAKS: bool>;

impl<'de, const WITH_BREAKS: bool> Visitor<'de> for PrintableVisitor<WITH_BREAKS> {
    type Value = Printable<WITH_BREAKS>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(Printable)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Printable)
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Printable)
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Printable)
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Printable)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Printable::check(text)
    }

    /// Serde would take a list for a structure, field by field.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<Printable<ONE_LINE>>()?.is_some() {}
        Err(A::Error::custom("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while let Some(name) = entries.next_key::<String>()? {
            if name.chars().any(is_unprintable) {
                let _: IgnoredAny = entries.next_value()?;
                return Err(A::Error::custom(Printable::<ONE_LINE>::MESSAGE));
            }
            if FILES.contains(&name.as_str()) {
                let _: Printable<LINES> = entries.next_value()?;
            } else if LISTS.contains(&name.as_str()) {
                let _: Texts = entries.next_value()?;
            } else {
                let _: Printable<ONE_LINE> = entries.next_value()?;
            }
        }
        Ok(Printable)
    }
}

/// A list of texts that can be printed, or nothing at all.
struct Texts;

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Texts, E> {
        Ok(Texts)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Texts, A::Error> {
        while items.next_element::<Printable<ONE_LINE>>()?.is_some() {}
        Ok(Texts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only the way to it is of interest")]
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only the way to it is of interest")]
        name: String,
    }

    fn refusal(text: &str) -> (Code, String) {
        let problem = decode::<Outer>(text.as_bytes()).expect_err(text);
        let response = serde_json::to_value(problem.errors().first().map(|error| error.pointer.clone()));
        (
            problem.code(),
            response.expect("serializes").as_str().unwrap_or("-").to_owned(),
        )
    }

    #[test]
    fn files_have_lines_and_nothing_else_has() {
        let texts = |field: &str, text: &str| {
            let body = serde_json::json!({ "credential": { field: text } }).to_string();
            decode::<serde_json::Value>(body.as_bytes()).map_err(|problem| problem.code())
        };
        for file in FILES {
            assert!(texts(file, "-----BEGIN X-----\r\nAAAA\n").is_ok(), "{file}");
            for wrong in ["a\0b", "a\u{1B}[2J", "a\u{202E}b", "a\u{7F}"] {
                assert_eq!(
                    texts(file, wrong),
                    Err(Code::ControlCharacter),
                    "{file} {wrong:?}"
                );
            }
        }
        for field in ["secret", "password", "display_name", "PEM"] {
            assert_eq!(texts(field, "a\nb"), Err(Code::ControlCharacter), "{field}");
        }
        let below = br#"{"pem":{"secret":"a\nb"}}"#;
        let refused = decode::<serde_json::Value>(below).map_err(|problem| problem.code());
        assert_eq!(
            refused,
            Err(Code::ControlCharacter),
            "what is below a file is no file"
        );
    }

    #[test]
    fn a_list_stands_where_one_is_expected_and_nowhere_else() {
        let refused = |text: &str| {
            let problem = decode::<serde_json::Value>(text.as_bytes()).err();
            problem.map(|problem| (problem.code(), problem.errors()[0].pointer.clone()))
        };
        assert_eq!(refused(r#"{"event_types":["a","b"]}"#), None);
        assert_eq!(refused(r#"{"event_types":null}"#), None);
        let cases = [
            (r#"{"tags":["a"]}"#, Code::InvalidValue, "/tags"),
            (r#"{"event_types":"a"}"#, Code::InvalidValue, "/event_types"),
            (r#"{"event_types":[["a"]]}"#, Code::InvalidValue, "/event_types/0"),
            (
                r#"{"event_types":["a","b\u0000"]}"#,
                Code::ControlCharacter,
                "/event_types/1",
            ),
        ];
        for (text, code, pointer) in cases {
            assert_eq!(refused(text), Some((code, pointer.to_owned())), "{text}");
        }
    }

    #[test]
    fn refusals_point_at_the_place() {
        let cases = [
            (r#"{"inner":{"name":1}}"#, Code::InvalidValue, "/inner/name"),
            (r#"{"inner":{}}"#, Code::InvalidValue, "/inner/name"),
            (
                r#"{"inner":{"name":"a","nome":1}}"#,
                Code::UnknownField,
                "/inner/nome",
            ),
            (
                r#"{"inner":{"name":"a","S3cr3t~Key":1}}"#,
                Code::UnknownField,
                "/inner",
            ),
            (
                r#"{"inner":{"name":"a\u0000b"}}"#,
                Code::ControlCharacter,
                "/inner/name",
            ),
            (
                r#"{"inner":{"name":"a"},"x\u0007":1}"#,
                Code::ControlCharacter,
                "",
            ),
            (r#"{"inner":{"name":"a"}} x"#, Code::MalformedJson, "-"),
            (r#"{"inner":"#, Code::MalformedJson, "-"),
            ("", Code::MalformedJson, "-"),
            ("[]", Code::InvalidValue, ""),
            (r#"{"inner":["a"]}"#, Code::InvalidValue, "/inner"),
            (
                "{\"inner\":{\"name\":\"a\u{202E}b\"}}",
                Code::ControlCharacter,
                "/inner/name",
            ),
            ("\"\\ud800\"", Code::MalformedJson, "-"),
        ];
        for (text, code, pointer) in cases {
            assert_eq!(refusal(text), (code, pointer.to_owned()), "{text}");
        }
        assert!(decode::<Outer>(br#"{"inner":{"name":"a"}}"#).is_ok());
        assert!(decode::<Outer>(&[0xff, 0xfe]).is_err());
        assert!(
            decode::<Outer>("[".repeat(100_000).as_bytes()).is_err(),
            "depth is limited"
        );
    }
}
