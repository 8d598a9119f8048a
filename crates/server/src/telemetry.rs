//! Logs: JSON lines on standard error. Libraries that print what passes through them are capped:
//! at trace, HTTP and database libraries would show headers and parameters.

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Nothing below a warning comes out of these, whatever the caller's filter says.
const CAPPED: [&str; 14] = [
    "sqlx",
    "sea_orm",
    "sea_query",
    "hyper",
    "reqwest",
    "h2",
    "rustls",
    "actix",
    "mio",
    "tokio",
    "axum",
    "tower",
    "jsonwebtoken",
    "want",
];

/// Starts logging with `filter`, such as `info` or `warn,worker=debug`. A panic is logged by its
/// place; its text, which may hold anything, is not.
pub fn init(filter: &str) -> Result<(), BadFilter> {
    let filter = parse(filter)?.and(filter_fn(may_speak));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(std::io::stderr)
        // It would say on standard error that standard error cannot be written, and panic.
        .log_internal_errors(false)
        .with_filter(filter);
    let _ = tracing_subscriber::registry().with(lines).try_init();
    api::keep_panic_text_out_of_logs();
    Ok(())
}

/// The filter is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "telemetry.log must be a level (off, error, warn, info, debug, trace) or a list such as warn,worker=debug"
)]
pub struct BadFilter;

/// A bare word would be taken for the name of a target, and a mistyped level would silence
/// everything: it must be a level.
fn parse(text: &str) -> Result<EnvFilter, BadFilter> {
    let understood = |part: &str| {
        part.contains('=') || (!part.trim().is_empty() && part.trim().parse::<LevelFilter>().is_ok())
    };
    if !text.split(',').all(understood) {
        return Err(BadFilter);
    }
    EnvFilter::builder().parse(text).map_err(|_| BadFilter)
}

fn may_speak(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN
        || !CAPPED
            .iter()
            .any(|library| metadata.target().starts_with(library))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_level_is_refused() {
        assert!(parse("inof").is_err() && parse("info,").is_err());
        assert!(parse("info").is_ok() && parse("warn,worker=debug").is_ok() && parse("off").is_ok());
    }
}
