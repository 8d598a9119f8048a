//! What a file costs to open, counted before anything is derived. Whoever sends a file chooses how
//! often its keys are hashed: without a limit, one small file could keep a core busy for hours.
//!
//! The unit is one SHA-256 or SHA-1 of a short text, a tenth of a microsecond in a release build;
//! the longer hashes take four times as long (measured with aws-lc-rs 1.19 on x86-64).

use super::Problem;

/// The most turns of one layer. OpenSSL and Windows use about 2,000, Java 10,000.
pub(super) const MOST_TURNS: u64 = 600_000;
/// The most units for one file, all its layers together: no answer takes 200 ms.
pub(super) const MOST: u64 = 1_200_000;

/// The units of one hash whose output has `length` bytes.
pub(super) const fn of_hash(length: usize) -> usize {
    if length <= 32 { 1 } else { 4 }
}

/// What is left to be spent on one file.
pub(super) struct Purse(u64);

impl Default for Purse {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Purse {
    /// Pays for a layer of `turns`, each of which costs `units`.
    pub(super) fn pay(&mut self, turns: u64, units: usize) -> Result<(), Problem> {
        let units = u64::try_from(units).map_err(|_| Problem::KdfTooCostly)?;
        let price = turns.checked_mul(units).ok_or(Problem::KdfTooCostly)?;
        if turns > MOST_TURNS {
            return Err(Problem::KdfTooCostly);
        }
        self.0 = self.0.checked_sub(price).ok_or(Problem::KdfTooCostly)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_and_a_file_have_their_limits() {
        let dear = Err(Problem::KdfTooCostly);
        assert_eq!(Purse::default().pay(MOST_TURNS + 1, 1), dear);
        assert_eq!(Purse::default().pay(u64::MAX, usize::MAX), dear);
        assert_eq!(Purse::default().pay(300_001, of_hash(64)), dear);
        let mut purse = Purse::default();
        assert_eq!(purse.pay(MOST_TURNS, of_hash(32)), Ok(()));
        assert_eq!(purse.pay(150_000, of_hash(64)), Ok(()));
        assert_eq!(purse.pay(1, 1), dear, "nothing is left");
    }
}
