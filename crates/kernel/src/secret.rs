//! Values that must not be shown. The absence of traits is the protection: a secret that has no
//! `Debug`, `Display`, `Serialize` or `Clone` cannot slip into a log line, an answer or a copy.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// Secret text, wiped from memory when dropped. Deserialized, never serialized.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes ownership of the text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Each call is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Secret bytes, wiped from memory when dropped.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes ownership of the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Each call is a place to review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// A value that may be carried around but is not for reading, such as a database address with a
/// password in it: `Debug` shows that it is there, not what it is.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redacted_value_shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", Redacted::new("hunter2")), "[redacted]");
    }

    /// Fails to compile as soon as the type gains the trait: the call is then ambiguous between
    /// the two blanket implementations.
    macro_rules! assert_lacks {
        ($type:ty: $($trait:path),+) => {$(
            const _: fn() = || {
                trait Ambiguous<A> {
                    fn check() {}
                }
                struct Invalid;
                impl<T: ?Sized> Ambiguous<()> for T {}
                impl<T: ?Sized + $trait> Ambiguous<Invalid> for T {}
                let _ = <$type as Ambiguous<_>>::check;
            };
        )+};
    }

    assert_lacks!(SecretText: fmt::Debug, fmt::Display, serde::Serialize, Clone);
    assert_lacks!(SecretBytes: fmt::Debug, fmt::Display, serde::Serialize, Clone);
    assert_lacks!(Redacted<String>: fmt::Display, serde::Serialize);
}
