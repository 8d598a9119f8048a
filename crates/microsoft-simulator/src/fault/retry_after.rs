//! The wait that an answer asks for: every form that was seen in the wild, and what a client may conclude from it
//! (RFC 9110, section 10.2.3).

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};

/// Starts a value that is to be sent as a date.
const DATE: &str = "date+";

/// Longer waits than a century are kept as one: a client must not overflow on them, and neither must this.
const LONGEST: i64 = 100 * 365 * 86_400;

/// Whether a text can stand in a header.
pub(crate) fn is_sendable(value: &str) -> bool {
    HeaderValue::from_str(value).is_ok()
}

/// Adds the header, if there is a value.
pub(crate) fn with_retry_after(mut response: Response, value: Option<&str>, now: DateTime<Utc>) -> Response {
    let value = value.map(|text| match text.strip_prefix(DATE).map(str::parse::<i64>) {
        Some(Ok(seconds)) => http_date(now + TimeDelta::seconds(seconds.clamp(-LONGEST, LONGEST))),
        _ => text.to_owned(),
    });
    if let Some(value) = value.and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// A date as HTTP writes it.
fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// When a client that reads the header may come again; `None` when the header says nothing that can be obeyed.
pub(crate) fn allowed_at(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let until = match value.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => now + wait(seconds),
        Ok(_) => return None,
        Err(_) => DateTime::parse_from_rfc2822(value).ok()?.to_utc(),
    };
    (until > now).then_some(until)
}

fn wait(seconds: f64) -> TimeDelta {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "clamped to a century, which fits"
    )]
    let milliseconds = (seconds.clamp(0.0, LONGEST as f64) * 1000.0).ceil() as i64;
    TimeDelta::milliseconds(milliseconds)
}
