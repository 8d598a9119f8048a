//! Which events a webhook wants: all of them, or a list of types and families.

/// The event types of a webhook: nothing means every type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter(Vec<String>);

/// Why a list is no filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// More than [`EventFilter::MOST`].
    #[error("holds too many event types")]
    TooMany,
    /// The type at this place is neither a known one nor `family.*`.
    #[error("the event type at {0} is not known")]
    Unknown(usize),
}

impl EventFilter {
    /// The most entries of a filter.
    pub const MOST: usize = 50;

    /// Checks `entries` against the types that exist. An entry is a type, `family.*`, or `*`. An
    /// empty list, like `*`, means every type, also those that come later.
    pub fn new(entries: Vec<String>, known: &[&str]) -> Result<Self, FilterError> {
        if entries.len() > Self::MOST {
            return Err(FilterError::TooMany);
        }
        let exists = |entry: &String| known.iter().any(|kind| entry_matches(entry, kind));
        if let Some(place) = entries.iter().position(|entry| !exists(entry)) {
            return Err(FilterError::Unknown(place));
        }
        if entries.iter().any(|entry| entry == "*") {
            return Ok(Self::default());
        }
        let mut entries = entries;
        entries.sort_unstable();
        entries.dedup();
        Ok(Self(entries))
    }

    /// A filter that was checked when it was stored.
    pub const fn from_stored(entries: Vec<String>) -> Self {
        Self(entries)
    }

    /// The entries; none mean every type.
    pub fn entries(&self) -> &[String] {
        &self.0
    }

    /// Whether events of the type `kind` are wanted.
    pub fn wants(&self, kind: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|entry| entry_matches(entry, kind))
    }
}

fn entry_matches(entry: &str, kind: &str) -> bool {
    match entry.strip_suffix('*') {
        None => entry == kind,
        Some("") => true,
        // A family ends with its dot, so that `run.*` does not hold `runner.started`.
        Some(family) => family.ends_with('.') && kind.starts_with(family),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 3] = ["operation.completed", "operation.started", "connection.created"];

    fn filter(entries: &[&str]) -> Result<EventFilter, FilterError> {
        EventFilter::new(entries.iter().map(|&entry| entry.to_owned()).collect(), &KNOWN)
    }

    #[test]
    fn types_families_and_everything() {
        let wants = |entries: &[&str], kind: &str| filter(entries).expect("a filter").wants(kind);
        assert!(wants(&[], "operation.completed") && wants(&["*"], "later.kind"));
        assert!(wants(&["operation.*"], "operation.completed"));
        assert!(wants(&["operation.*"], "operation.later"));
        assert!(!wants(&["operation.*"], "connection.created"));
        assert!(!wants(&["operation.*"], "operations.created"));
        assert!(wants(
            &["operation.started", "connection.created"],
            "connection.created"
        ));
        assert!(!wants(&["operation.started"], "operation.completed"));
    }

    #[test]
    fn what_matches_nothing_is_a_mistake() {
        for entry in [
            "",
            "operation",
            "operation.",
            "operation.ended",
            "operation*",
            "run.*",
            ".*",
            "Operation.*",
            "**",
        ] {
            assert_eq!(
                filter(&["operation.*", entry]),
                Err(FilterError::Unknown(1)),
                "{entry}"
            );
        }
        assert_eq!(filter(&vec!["*"; 51]), Err(FilterError::TooMany));
        let doubled = filter(&["operation.started", "connection.created", "operation.started"]);
        assert_eq!(
            doubled.expect("fine").entries(),
            ["connection.created", "operation.started"]
        );
    }
}
