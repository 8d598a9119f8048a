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
    let _: Printable = parse(bytes)?;
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
    if message.starts_with(Printable::MESSAGE) {
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

/// Names of texts that consist of lines: files that people paste as they are. Whoever takes one says
/// what may be in it; a text of this name anywhere else is refused there.
const OF_LINES: [&str; 2] = ["pem", "pfx"];

/// Any JSON value whose texts and names can be printed. Keeps nothing.
struct Printable;

/// The same, in texts of lines.
struct PrintableLines;

impl Printable {
    const MESSAGE: &str = "control character";

    fn check<E: serde::de::Error>(text: &str, of_lines: bool) -> Result<Self, E> {
        let ends_a_line = |character| of_lines && matches!(character, '\n' | '\r');
        if text
            .chars()
            .any(|character| is_unprintable(character) && !ends_a_line(character))
        {
            Err(E::custom(Self::MESSAGE))
        } else {
            Ok(Self)
        }
    }
}

impl<'de> Deserialize<'de> for Printable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PrintableVisitor { of_lines: false })
    }
}

impl<'de> Deserialize<'de> for PrintableLines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = PrintableVisitor { of_lines: true };
        deserializer.deserialize_any(visitor).map(|_| Self)
    }
}

struct PrintableVisitor {
    of_lines: bool,
}

impl<'de> Visitor<'de> for PrintableVisitor {
    type Value = Printable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Printable, E> {
        Ok(Printable)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Printable, E> {
        Ok(Printable)
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Printable, E> {
        Ok(Printable)
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Printable, E> {
        Ok(Printable)
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Printable, E> {
        Ok(Printable)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Printable, E> {
        Printable::check(text, self.of_lines)
    }

    /// No body of this API holds a list, and serde would take one for a structure, field by field.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Printable, A::Error> {
        while items.next_element::<Printable>()?.is_some() {}
        Err(A::Error::custom("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Printable, A::Error> {
        while let Some(name) = entries.next_key::<String>()? {
            if name.chars().any(is_unprintable) {
                let _: IgnoredAny = entries.next_value()?;
                return Err(A::Error::custom(Printable::MESSAGE));
            }
            if OF_LINES.contains(&name.as_str()) {
                let _: PrintableLines = entries.next_value()?;
            } else {
                let _: Printable = entries.next_value()?;
            }
        }
        Ok(Printable)
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
    #[test]
    fn files_may_have_lines_and_nothing_else_that_cannot_be_printed() {
        type Fields = std::collections::BTreeMap<String, String>;
        for name in ["pem", "pfx"] {
            let text = format!(r#"{{"{name}":"a\r\nb\n"}}"#);
            let read = decode::<Fields>(text.as_bytes()).expect("lines");
            assert_eq!(read[name], "a\r\nb\n");
            for character in ["\\u0000", "\\u001b", "\u{202E}"] {
                let text = format!(r#"{{"{name}":"a{character}b"}}"#);
                let problem = decode::<Fields>(text.as_bytes()).expect_err("no line");
                assert_eq!(problem.code(), Code::ControlCharacter, "{text}");
            }
        }
        let other = decode::<Fields>(br#"{"secret":"a\nb"}"#).expect_err("no file");
        assert_eq!(other.code(), Code::ControlCharacter);
    }
}
