//! The id under which a request stands in answers, in the log and in the journal: the caller's
//! own if it is harmless, ours otherwise.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use kernel::IdSource;

/// The id of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// The header that carries it both ways.
    pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
    const MAX_BYTES: usize = 64;

    /// The id of the request with these headers.
    pub(super) fn of(headers: &HeaderMap, ids: &dyn IdSource) -> Self {
        let mut values = headers.get_all(&Self::HEADER);
        let sent = match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().and_then(Self::accept),
            _ => None,
        };
        sent.unwrap_or_else(|| Self(ids.next_uuid().to_string()))
    }

    fn accept(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let fine = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(fits);
        fine.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As a header.
    pub(super) fn value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("letters, digits, dots, underscores and hyphens")
    }
}

#[cfg(test)]
mod tests {
    use kernel::SequentialIds;

    use super::*;

    #[test]
    fn harmless_ids_are_kept_and_others_replaced() {
        let ours = "00000000-0000-7000-8000-000000000001";
        let long = "x".repeat(65);
        let cases: [(&[&str], &str); 7] = [
            (&["build-7.step_3"], "build-7.step_3"),
            (&[], ours),
            (&[""], ours),
            (&["a b"], ours),
            (&["<script>"], ours),
            (&[&long], ours),
            (&["one", "two"], ours),
        ];
        for (values, expected) in cases {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(RequestId::HEADER, HeaderValue::from_str(value).expect("valid"));
            }
            assert_eq!(
                RequestId::of(&headers, &SequentialIds::default()).as_str(),
                expected,
                "{values:?}"
            );
        }
    }
}
