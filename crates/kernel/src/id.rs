//! Typed ids: one Rust type for each kind of thing, all of them UUIDs (RFC 9562).

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering as AtomicOrdering},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// Names the kind of thing that an [`Id`] points at.
pub trait IdKind: 'static {
    /// Shown by `Debug`, for example `run`.
    const NAME: &'static str;
}

/// The id of one thing of kind `K`. Ids of two kinds cannot be mixed up.
pub struct Id<K: IdKind>(Uuid, PhantomData<fn() -> K>);

/// Where new ids come from. A parameter, like the clock.
pub trait IdSource: Send + Sync {
    /// A UUID that was never handed out before.
    fn next_uuid(&self) -> Uuid;
}

/// Version 7 UUIDs (RFC 9562, 5.7): they sort by the time of their making.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that makes ids")]
    fn next_uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Ids 1, 2, 3 and so on, in the form of version 7 UUIDs. For tests.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl IdSource for SequentialIds {
    fn next_uuid(&self) -> Uuid {
        let number = self.0.fetch_add(1, AtomicOrdering::Relaxed) + 1;
        Uuid::from_u128((0x7_u128 << 76) | (0x8_u128 << 60) | u128::from(number))
    }
}

/// The text was not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID in its hyphenated form")]
pub struct ParseIdError;

impl<K: IdKind> Id<K> {
    /// A new id from `source`.
    pub fn next(source: &dyn IdSource) -> Self {
        Self::from_uuid(source.next_uuid())
    }

    /// The id that this UUID stands for.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The UUID inside.
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl<K: IdKind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: IdKind> Copy for Id<K> {}

impl<K: IdKind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: IdKind> Eq for Id<K> {}

impl<K: IdKind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: IdKind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K: IdKind> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", K::NAME, self.0)
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl<K: IdKind> FromStr for Id<K> {
    type Err = ParseIdError;

    /// Accepts the hyphenated form in either case and nothing else: braces, URNs and bare
    /// hexadecimal digits would give one thing several spellings.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 36 {
            return Err(ParseIdError);
        }
        Uuid::parse_str(text)
            .map(Self::from_uuid)
            .map_err(|_| ParseIdError)
    }
}

impl<K: IdKind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: IdKind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing;
    impl IdKind for Thing {
        const NAME: &'static str = "thing";
    }

    #[test]
    fn parses_one_spelling_only() {
        let id = Id::<Thing>::next(&SequentialIds::default());
        assert_eq!(id.to_string().parse(), Ok(id));
        for other in [
            "",
            "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
            "67e5504410b1426f9247bb680e5fe0c8",
        ] {
            assert_eq!(other.parse::<Id<Thing>>(), Err(ParseIdError), "{other}");
        }
    }

    #[test]
    fn sequential_ids_are_distinct_and_ordered() {
        let source = SequentialIds::default();
        let (first, second) = (Id::<Thing>::next(&source), Id::<Thing>::next(&source));
        assert!(first < second);
        assert_eq!(format!("{first:?}"), "thing:00000000-0000-7000-8000-000000000001");
    }
}
