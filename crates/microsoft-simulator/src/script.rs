//! Faults by plan: which requests are hit, by tenant, path, order or time. Read from a file, from the control
//! endpoint, or given by a test.
//!
//! ```json
//! { "rules": [
//!   { "tenant": "7e4a0000-51d0-4c0a-9a11-000000000001", "path_contains": "/managedDevices", "method": "GET",
//!     "after": 2, "times": 1, "fault": { "type": "service_unavailable", "retry_after": "5" } },
//!   { "path_contains": "/v1.0/", "from_seconds": 60, "until_seconds": 660,
//!     "fault": { "type": "throttled", "retry_after": "30" } }
//! ] }
//! ```
//!
//! Seconds count from the moment the script was loaded, by the simulator's clock. Of several rules that match, the
//! first that is due acts. A rule of another tenant, or of another time, does not count a request.

mod rules;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::fault::{Fault, FaultKind};

pub(crate) use rules::{Rules, Sight};

/// A plan of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// In order of precedence.
    pub rules: Vec<Rule>,
}

/// One fault and the requests it hits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Only requests of this tenant: that of the bearer token, or of the login path.
    pub tenant: Option<Uuid>,
    /// Only requests whose path and query contain this; empty for all.
    #[serde(default)]
    pub path_contains: String,
    /// Only requests with this HTTP method.
    pub method: Option<String>,
    /// How many matching requests pass before the first is hit.
    #[serde(default)]
    pub after: u32,
    /// How many are hit; all when left out.
    pub times: Option<u32>,
    /// Start of the time in which it counts and acts.
    pub from_seconds: Option<u32>,
    /// End of that time; the moment itself is outside.
    pub until_seconds: Option<u32>,
    /// What happens to them.
    pub fault: FaultKind,
}

impl From<Fault> for Rule {
    fn from(fault: Fault) -> Self {
        Self {
            tenant: None,
            path_contains: fault.path_contains,
            method: None,
            after: 0,
            times: Some(fault.times),
            from_seconds: None,
            until_seconds: None,
            fault: fault.kind,
        }
    }
}

impl Rule {
    /// A rule that hits every request whose path and query contain a text.
    pub fn always(path_contains: impl Into<String>, fault: FaultKind) -> Self {
        Self {
            times: None,
            ..Self::from(Fault {
                path_contains: path_contains.into(),
                times: 1,
                kind: fault,
            })
        }
    }

    /// The same for one tenant alone.
    #[must_use]
    pub fn of_tenant(self, tenant: Uuid) -> Self {
        Self {
            tenant: Some(tenant),
            ..self
        }
    }

    /// What makes it useless, named by its member.
    pub(crate) fn complaint(&self) -> Option<&'static str> {
        if self.times == Some(0) {
            return Some("times: must be at least 1");
        }
        if self
            .until_seconds
            .is_some_and(|until| until <= self.from_seconds.unwrap_or(0))
        {
            return Some("until_seconds: must lie after from_seconds");
        }
        if self
            .method
            .as_ref()
            .is_some_and(|method| method.parse::<axum::http::Method>().is_err())
        {
            return Some("method: is no HTTP method");
        }
        self.fault.complaint()
    }
}

/// Why a script is refused. The text names the line, or the rule and its member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError(String);

impl std::fmt::Display for ScriptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the fault script cannot be used: {}", self.0)
    }
}

impl std::error::Error for ScriptError {}

impl Script {
    /// Reads a script; a member that nobody knows is an error.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        // The text of serde_json's error ends with line and column.
        let script: Self = serde_json::from_str(text).map_err(|error| ScriptError(error.to_string()))?;
        let complaint = script
            .rules
            .iter()
            .enumerate()
            .find_map(|(number, rule)| rule.complaint().map(|complaint| (number, complaint)));
        match complaint {
            Some((number, complaint)) => Err(ScriptError(format!("rules[{number}].{complaint}"))),
            None => Ok(script),
        }
    }
}
