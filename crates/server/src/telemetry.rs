//! Logs: JSON lines on standard error. Libraries that print what passes through them are capped:
//! at trace, HTTP and database libraries would show headers and parameters.

use tracing_subscriber::EnvFilter;

/// Below these, no filter can open: they are compiled into the filter after the caller's.
const CAPPED: [&str; 9] =
    ["sqlx", "sea_orm", "sea_orm_migration", "hyper", "hyper_util", "reqwest", "h2", "rustls", "actix_http"];

/// Starts logging with `filter`, such as `info` or `warn,worker=debug`.
pub fn init(filter: &str) {
    let _ = tracing_subscriber::fmt()
        .json()
        .with_env_filter(self::filter(filter))
        .with_writer(std::io::stderr)
        .try_init();
}

fn filter(text: &str) -> EnvFilter {
    let mut filter = EnvFilter::builder().parse_lossy(text);
    for library in CAPPED {
        let directive = format!("{library}=warn").parse().expect("a directive");
        filter = filter.add_directive(directive);
    }
    filter
}
