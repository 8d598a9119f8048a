//! The body of a page. A row that does not fit costs itself and not the page: what a provider
//! writes into one object must not hide all others.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::Row;
use crate::gateway::{Misfit, json};

/// Longer ids are no ids.
const LONGEST_ID: usize = 512;

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Wire<T> {
    /// Required: a page without it is no page.
    value: Vec<T>,
    #[serde(default, rename = "@odata.nextLink")]
    next: Option<String>,
}

/// A page as it was sent.
pub(super) struct Body<T> {
    pub(super) rows: Vec<T>,
    /// How many rows could not be read.
    pub(super) skipped: u64,
    pub(super) next: Option<String>,
}

/// Reads a page. Rows are read one by one only if that is needed: it takes several times as long.
pub(super) fn read<T: Row>(bytes: &[u8]) -> Result<Body<T>, Misfit> {
    let (mut rows, all, next) = match json::<Wire<T>>(bytes) {
        Ok(Wire { value, next }) => {
            let all = value.len();
            (value, all, next)
        }
        Err(Misfit::Broken) => return Err(Misfit::Broken),
        Err(Misfit::Foreign) => {
            let Wire { value, next } = json::<Wire<Value>>(bytes)?;
            let all = value.len();
            let rows = value.into_iter().filter_map(|row| T::deserialize(row).ok());
            (rows.collect(), all, next)
        }
    };
    rows.retain(|row| row.id().len() <= LONGEST_ID);
    let skipped = (all - rows.len()) as u64;
    Ok(Body { rows, skipped, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Thing {
        id: String,
        #[expect(dead_code, reason = "is only read")]
        size: Option<u32>,
    }

    impl Row for Thing {
        fn id(&self) -> &str {
            &self.id
        }
    }

    fn ids(bytes: &[u8]) -> Result<(Vec<String>, u64), Misfit> {
        let body = read::<Thing>(bytes)?;
        Ok((body.rows.into_iter().map(|row| row.id).collect(), body.skipped))
    }

    #[test]
    fn a_row_that_does_not_fit_is_left_out_and_counted() {
        let long = format!(r#"{{"id":"{}"}}"#, "x".repeat(LONGEST_ID + 1));
        let rows = [
            r#"{"id":"a","size":1}"#,
            r#"{"id":null}"#,
            r#"{"id":7}"#,
            r"{}",
            "null",
            "[]",
            r#""text""#,
            r#"{"id":"b","size":"many"}"#,
            r#"{"id":"c","size":null,"other":[[[{}]]]}"#,
            &long,
            r#"{"id":"d\u0000"}"#,
        ];
        let body = format!(r#"{{"value":[{}]}}"#, rows.join(","));
        let (kept, skipped) = ids(body.as_bytes()).unwrap_or_else(|_| panic!("a page"));
        assert_eq!(kept, ["a", "c", "d\0"]);
        assert_eq!(skipped, 8);
        let marked = format!("\u{feff}{body}");
        assert!(ids(marked.as_bytes()).is_ok_and(|(kept, _)| kept.len() == 3));
    }

    #[test]
    fn a_page_without_rows_to_read_is_no_page() {
        for body in [
            r"{}",
            r#"{"value":null}"#,
            r#"{"value":{}}"#,
            "[]",
            r#"{"value":[],"@odata.nextLink":7}"#,
        ] {
            assert!(matches!(ids(body.as_bytes()), Err(Misfit::Foreign)), "{body}");
        }
        let deep = format!(r#"{{"value":[{{"id":{}1"#, "[".repeat(100_000));
        for body in ["", "<html>", r#"{"value":["#, &deep, "{\"value\":[\"\\ud800\"]}"] {
            assert!(ids(body.as_bytes()).is_err(), "{}", &body[..body.len().min(20)]);
        }
        assert!(
            ids(b"{\"value\":[{\"id\":\"\xff\"}]}").is_err(),
            "another charset"
        );
    }
}
