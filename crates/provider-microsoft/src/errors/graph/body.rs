//! The body of a Graph error, and what Intune hides in its message. What is read here stays in this
//! module's memory: codes and waits are compared with tables, the message with two sentences.

use serde::Deserialize;

/// How deep Intune nests.
const LEVELS: usize = 3;

#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    error: Body,
}

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    code: Option<String>,
    #[serde(default, rename = "innerError", alias = "innererror")]
    inner: Option<Box<Inner>>,
}

/// What Intune writes into a message.
#[derive(Deserialize)]
struct Nested {
    #[serde(default, rename = "ErrorCode")]
    code: Option<String>,
    #[serde(default, rename = "Message")]
    message: Option<String>,
    #[serde(default, rename = "RetryAfter")]
    retry_after: Option<NestedWait>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NestedWait {
    Seconds(f64),
    Text(String),
}

/// What was found in a body: codes, the innermost message, and a wait.
#[derive(Default)]
pub(super) struct Finding {
    pub(super) codes: Vec<String>,
    pub(super) message: String,
    pub(super) wait: Option<String>,
}

impl Finding {
    pub(super) fn read(body: &[u8]) -> Self {
        let Envelope { error } = serde_json::from_slice(body).unwrap_or_default();
        let mut finding = Self {
            message: error.message.unwrap_or_default(),
            ..Self::default()
        };
        finding.codes.extend(error.code);
        let mut inner = error.inner;
        while let Some(level) = inner {
            finding.codes.extend(level.code);
            inner = level.inner.map(|boxed| *boxed);
        }
        for _ in 0..LEVELS {
            let Ok(nested) = serde_json::from_str::<Nested>(&finding.message) else {
                break;
            };
            finding.codes.extend(nested.code);
            finding.wait = finding.wait.or(nested.retry_after.map(|wait| match wait {
                NestedWait::Seconds(seconds) => seconds.to_string(),
                NestedWait::Text(text) => text,
            }));
            finding.message = nested.message.unwrap_or_default();
        }
        finding
    }

    /// Whether a code stands at any level.
    pub(super) fn says(&self, code: &str) -> bool {
        self.codes.iter().any(|own| own.eq_ignore_ascii_case(code))
    }
}
