//! Waiting, and how much chance goes into it, as a parameter: tests record pauses and do not make
//! them.

use std::time::Duration;

use async_trait::async_trait;

/// Makes pauses.
#[async_trait]
pub trait Pauses: Send + Sync {
    /// Returns after `length`. Dropping the future ends the pause.
    async fn pause(&self, length: Duration);

    /// A length between nothing and `ceiling`, by chance.
    fn draw(&self, ceiling: Duration) -> Duration;
}

/// Real pauses, and the system's chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemPauses;

#[async_trait]
impl Pauses for SystemPauses {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that waits; callers listen for a cancellation at least once a second"
    )]
    async fn pause(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }

    fn draw(&self, ceiling: Duration) -> Duration {
        // Without chance from the system the whole ceiling is waited: slower, never wrong.
        getrandom::u32().map_or(ceiling, |number| {
            ceiling.mul_f64(f64::from(number) / f64::from(u32::MAX))
        })
    }
}
