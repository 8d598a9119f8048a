//! Small readings of provider values: dates in every form that Graph sends, and attribute maps
//! without empty entries.

use chrono::{DateTime, Datelike as _, SecondsFormat};
use serde_json::{Map, Value};

/// A date in UTC with whole seconds. Up to seven digits of a fraction and any offset are read;
/// the years 1 and 9999, which stand for "never", and everything else are not.
pub(super) fn date(text: Option<String>) -> Option<String> {
    let date = DateTime::parse_from_rfc3339(text?.trim()).ok()?.to_utc();
    let real = (1900..9000).contains(&date.year());
    real.then(|| date.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// The attributes of an item; what is not known is left out.
#[derive(Default)]
pub(super) struct Attributes(Map<String, Value>);

impl Attributes {
    pub(super) fn with(mut self, key: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value.into());
        }
        self
    }

    pub(super) fn done(self) -> Map<String, Value> {
        self.0
    }
}

/// The last part of an OData type name: `#microsoft.graph.iosCompliancePolicy` gives
/// `iosCompliancePolicy`.
pub(super) fn type_name(text: Option<String>) -> Option<String> {
    let text = text?;
    text.rsplit('.')
        .next()
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}

/// A set, in the one order that makes two equal sets equal.
pub(super) fn sorted(values: Option<Vec<String>>) -> Option<Vec<String>> {
    values.map(|mut values| {
        values.sort_unstable();
        values
    })
}

/// The id under which the directory knows a device. One that did not join has the zero GUID.
pub(super) fn joined(id: Option<String>) -> Option<String> {
    id.filter(|id| !id.starts_with("00000000-0000-0000"))
}
