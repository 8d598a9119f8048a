//! JSON text straight into a buffer: a list of a million objects is made of nothing else.

use std::io::Write as _;

use serde_json::Value;
use uuid::Uuid;

/// JSON under construction. The caller puts values where JSON allows one.
#[derive(Default)]
pub(crate) struct Text {
    bytes: Vec<u8>,
}

impl Text {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Anything that is JSON already, or punctuation of it.
    pub(crate) fn raw(&mut self, json: &str) {
        self.bytes.extend_from_slice(json.as_bytes());
    }

    /// What another text holds.
    pub(crate) fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    pub(crate) fn value(&mut self, value: &Value) {
        // Writing to a vector cannot fail.
        let _ = serde_json::to_writer(&mut self.bytes, value);
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.raw(if flag { "true" } else { "false" });
    }

    pub(crate) fn number(&mut self, number: u64) {
        // Writing to a vector cannot fail.
        let _ = write!(self.bytes, "{number}");
    }

    /// A string.
    pub(crate) fn string(&mut self, text: &str) {
        self.pieces(&[text]);
    }

    /// One string of several pieces.
    pub(crate) fn pieces(&mut self, pieces: &[&str]) {
        self.bytes.push(b'"');
        for piece in pieces {
            self.escaped(piece);
        }
        self.bytes.push(b'"');
    }

    fn escaped(&mut self, piece: &str) {
        if piece
            .bytes()
            .all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
        {
            self.raw(piece);
        } else {
            let quoted = Value::from(piece).to_string();
            self.raw(&quoted[1..quoted.len() - 1]);
        }
    }

    pub(crate) fn guid(&mut self, id: Uuid) {
        let mut buffer = Uuid::encode_buffer();
        let text = id.hyphenated().encode_lower(&mut buffer);
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(b'"');
    }

    /// A UTC time of this many seconds since 1970, with or without seven digits of a second.
    pub(crate) fn moment(&mut self, seconds: i64, fraction: Option<u32>) {
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        self.bytes.push(b'"');
        self.digits(year, 4);
        self.bytes.push(b'-');
        self.digits(month, 2);
        self.bytes.push(b'-');
        self.digits(day, 2);
        self.bytes.push(b'T');
        self.digits(second / 3600, 2);
        self.bytes.push(b':');
        self.digits(second / 60 % 60, 2);
        self.bytes.push(b':');
        self.digits(second % 60, 2);
        if let Some(fraction) = fraction {
            self.bytes.push(b'.');
            self.digits(fraction.into(), 7);
        }
        self.raw("Z\"");
    }

    /// A number that is not negative, with leading zeros.
    pub(crate) fn digits(&mut self, number: i64, width: usize) {
        let start = self.bytes.len();
        self.bytes.resize(start + width, b'0');
        let mut rest = number.unsigned_abs();
        for digit in self.bytes[start..].iter_mut().rev() {
            *digit = b"0123456789"[usize::try_from(rest % 10).unwrap_or_default()];
            rest /= 10;
        }
    }
}

/// Year, month and day of a day since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
