//! Reading the body of an answer with a good status.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// How an answer with a good status misses its contract.
pub(crate) enum Misfit {
    /// Not whole, or not JSON: an intermediary's page, or a cut. May be better next time.
    Broken,
    /// Well formed, and not what the contract says.
    Foreign,
}

/// Parses JSON into a contract's type. A byte order mark before it is left out.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Misfit> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Misfit::Foreign,
        Category::Io | Category::Syntax | Category::Eof => Misfit::Broken,
    })
}

/// Parses a count: plain text that may begin with a byte order mark.
pub(crate) fn count(body: &[u8]) -> Result<u64, Misfit> {
    let text = str::from_utf8(body).map_err(|_| Misfit::Foreign)?;
    text.trim_start_matches('\u{feff}')
        .trim()
        .parse()
        .map_err(|_| Misfit::Foreign)
}
