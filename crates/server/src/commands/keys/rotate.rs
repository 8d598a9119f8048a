//! `keys rotate`: everything moves under another key, while everybody works on.

use std::time::{Duration, Instant};

use clap::Args;
use storage_sea_orm::{RotationProgress, RotationReport};

use super::{close, failure, open};
use crate::{
    commands::{Failure, say},
    settings::Settings,
};

/// Options of `keys rotate`.
#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// The key to make active. Without it, the one that was registered last.
    #[arg(long, value_name = "KID")]
    to: Option<String>,
    /// How many credentials are re-encrypted in one transaction.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    batch: u64,
}

pub(super) async fn run(args: &RotateArgs, settings: &Settings) -> Result<(), Failure> {
    let admin = open(settings).await?;
    let begin = Instant::now();
    let mut first = None;
    let mut show = |now: RotationProgress| {
        let first = *first.get_or_insert(now.done);
        say(progress(now, now.done - first, begin.elapsed()));
    };
    let report = admin.rotate(args.to.as_deref(), args.batch, &mut show).await;
    let report = report.map_err(|error| failure(&error))?;
    close(admin).await?;
    say(summary(&report, begin.elapsed()));
    if !report.log_emptied {
        say(
            "the write-ahead log of SQLite could not be emptied, because somebody was reading: \
             run `tenantatlas keys rotate` again at a quiet moment",
        );
    }
    if report.undecryptable == 0 {
        say(
            "next: `tenantatlas keys status`, then `tenantatlas keys retire` for each key that protects nothing",
        );
        return Ok(());
    }
    Err(Failure::data(format!(
        "{} credentials are marked undecryptable and were left as they are: store new ones (the API lists them), \
         or run the command again once what is missing is back",
        report.undecryptable
    )))
}

fn progress(now: RotationProgress, since: u64, elapsed: Duration) -> String {
    let seconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = since.saturating_mul(1000) / seconds;
    format!("re-encrypted {} of {} ({rate} per second)", now.done, now.total)
}

fn summary(report: &RotationReport, elapsed: Duration) -> String {
    format!(
        "key '{}' is active; re-encrypted {} credentials and dropped {} old data keys in {:.1} seconds",
        report.kid,
        report.resealed,
        report.dropped,
        elapsed.as_secs_f64()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_far_and_how_fast() {
        let now = RotationProgress {
            done: 150,
            total: 300,
        };
        assert_eq!(
            progress(now, 100, Duration::from_millis(500)),
            "re-encrypted 150 of 300 (200 per second)"
        );
        assert!(progress(now, 0, Duration::ZERO).ends_with("(0 per second)"));
    }
}
