//! How long a test may look for faults, and from which seed.

/// Set to `1` for the deep forms.
pub const DEEP: &str = "TENANTATLAS_DEEP";
/// Set to replay what a failed test printed.
pub const SEED: &str = "TENANTATLAS_SEED";

/// Quick is for every change; deep is for a release and takes more than an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Seconds.
    Quick,
    /// Minutes.
    Deep,
}

impl Depth {
    /// The number for this depth.
    pub const fn pick<T: Copy>(self, quick: T, deep: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Deep => deep,
        }
    }
}

/// As the environment says.
pub fn of_environment() -> Depth {
    match std::env::var(DEEP).as_deref() {
        Ok("1") => Depth::Deep,
        Ok(_) | Err(_) => Depth::Quick,
    }
}

/// The seed to use: the one that is to be replayed, or a new one. Tests print it when they fail.
pub fn seed() -> u64 {
    use kernel::IdSource as _;
    match std::env::var(SEED) {
        Ok(text) => text.trim().parse().expect("TENANTATLAS_SEED is a number"),
        Err(_) => u64::from_be_bytes(
            kernel::SystemIds.next_uuid().as_bytes()[8..]
                .try_into()
                .expect("eight bytes"),
        ),
    }
}
