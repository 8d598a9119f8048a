//! Logs: JSON lines on standard error. Libraries that print what passes through them are capped:
//! at trace, HTTP and database libraries would show headers and parameters.

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, filter_fn},
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
pub fn init(filter: &str) {
    let filter = EnvFilter::builder().parse_lossy(filter).and(filter_fn(may_speak));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(std::io::stderr)
        .with_filter(filter);
    let _ = tracing_subscriber::registry().with(lines).try_init();
    api::keep_panic_text_out_of_logs();
}

fn may_speak(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN
        || !CAPPED
            .iter()
            .any(|library| metadata.target().starts_with(library))
}
