//! What a file costs to open, counted in turns of a hash before the first one is made.

use super::Problem;

/// The most turns for one file, all its layers together. OpenSSL and Windows use about 2,000 for
/// each of three layers, Java 10,000. Whoever sends a file chooses these numbers: without a limit
/// on the sum, one small file could keep a core busy for hours. The dearest turn (SHA-512) takes
/// less than half a microsecond in a release build, so that no answer takes 200 ms.
pub(super) const MOST: u64 = 300_000;

/// What is left to be spent on one file.
pub(super) struct Purse(u64);

impl Default for Purse {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Purse {
    /// Pays for `iterations` turns, `times` over.
    pub(super) fn pay(&mut self, iterations: u64, times: usize) -> Result<(), Problem> {
        let times = u64::try_from(times).map_err(|_| Problem::KdfTooCostly)?;
        let price = iterations.checked_mul(times).ok_or(Problem::KdfTooCostly)?;
        self.0 = self.0.checked_sub(price).ok_or(Problem::KdfTooCostly)?;
        Ok(())
    }
}
