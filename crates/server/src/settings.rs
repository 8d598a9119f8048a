//! Settings: built-in defaults, then a file, then `TENANTATLAS__SECTION__KEY`. An unknown key is
//! an error. Secrets come from files; an address with a password in it may come from the
//! environment, and is never shown.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use config::{Config, ConfigError, Environment, File, FileFormat};
use kernel::Redacted;
use serde::Deserialize;

mod connections;
mod provider;
mod retention;
mod runs;
mod webhooks;

pub use self::webhooks::WebhookSettings;
pub use connections::ConnectionSettings;
pub use provider::{FederatedTokenSettings, PlatformSettings, ProviderSettings};
pub use retention::RetentionSection;
pub use runs::OperationSettings;

const DEFAULTS: &str = include_str!("default.toml");

/// Everything that can be set. `default.toml` explains each key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the data is.
    pub database: DatabaseSettings,
    /// The HTTP surface.
    pub http: HttpSettings,
    /// Keys of this installation.
    pub keys: KeySettings,
    /// Who may come in.
    pub access: AccessSettings,
    /// Connections and their credentials.
    pub connections: ConnectionSettings,
    /// Operation runs.
    pub operations: OperationSettings,
    /// The worker.
    pub worker: WorkerSection,
    /// How long histories are kept.
    pub retention: RetentionSection,
    /// The provider.
    pub provider: ProviderSettings,
    /// Webhooks.
    pub webhooks: WebhookSettings,
    /// Logs.
    pub telemetry: TelemetrySettings,
}

/// Where the data is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `sqlite:path` or `postgres://…`.
    pub url: Redacted<String>,
    /// How long one statement may go unanswered, in seconds, before its connection counts as lost.
    pub give_up_seconds: u64,
}

/// The HTTP surface.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Where to listen.
    pub bind: SocketAddr,
    /// How many threads serve requests; 0 means one for each core.
    pub threads: usize,
    /// Origins of front ends that may call from a browser.
    pub cors_origins: Vec<String>,
    /// Where browsers reach this installation; consent links need it.
    #[serde(default)]
    pub public_url: Option<url::Url>,
}

/// Keys of this installation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// The key ring file.
    pub ring_file: PathBuf,
}

/// Who may come in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessSettings {
    /// A file with 32 bytes in base64: the key of tokens that this installation makes itself.
    #[serde(default)]
    pub local_key_file: Option<PathBuf>,
    /// Issuers of tokens with fixed public keys.
    #[serde(default)]
    pub issuers: Vec<IssuerSettings>,
}

/// One issuer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// The `iss` claim.
    pub issuer: String,
    /// The `aud` claim.
    pub audience: String,
    /// `RS256`, `ES256` or `EdDSA`.
    pub algorithm: String,
    /// The public key in PEM.
    pub public_key_file: PathBuf,
}

/// The worker.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSection {
    /// Runs at the same time, checks not counted.
    pub concurrency: u32,
    /// Connection checks at the same time, besides.
    pub check_slots: u32,
    /// Runs of one workspace at the same time, checks not counted.
    pub workspace_limit: u32,
    /// Connection checks of one workspace at the same time.
    pub check_workspace_limit: u32,
    /// How long a claim holds without a sign of life, in seconds.
    pub lease_seconds: f64,
    /// How many attempts a run gets.
    pub max_attempts: i32,
    /// How long a run may wait, in seconds.
    pub queue_timeout_seconds: u64,
    /// How often to look for work when nobody calls, in milliseconds.
    pub poll_milliseconds: u64,
    /// How often to look after silent runs, in seconds.
    pub sweep_seconds: f64,
    /// How long one wait for the provider may be before the run is handed back, in seconds.
    pub wait_budget_seconds: u64,
    /// How long the process may take to end once it was asked to, in seconds.
    pub stop_grace_seconds: u64,
}

/// Logs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// A filter such as `info` or `warn,worker=debug`.
    pub log: String,
}

/// Why the settings cannot be used. Names places and keys, never a value: one of them may be a
/// password on the wrong line.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is not there.
    #[error("the settings file {} does not exist", .0.display())]
    NoFile(PathBuf),
    /// The file is not TOML.
    #[error("the settings file cannot be read as TOML")]
    File,
    /// An origin that no browser sends.
    #[error(
        "http.cors_origins: entry {0} must be like https://console.example.com: scheme, host, perhaps a port, in lower case, and nothing behind it; there is no '*'"
    )]
    Origin(usize),
    /// An address that browsers could not use, or that would show secrets on the way.
    #[error(
        "http.public_url must be like https://atlas.example.com/ or https://example.com/atlas/: https (http for this machine's own addresses only), without user, query or fragment, with a slash at the end"
    )]
    PublicUrl,
    /// A key that does not exist, one that is missing, or one with a value of the wrong kind.
    #[error("{0}")]
    Key(String),
    /// A number outside its range.
    #[error("{key} must be {range}")]
    Range {
        /// The key.
        key: &'static str,
        /// What it may be.
        range: &'static str,
    },
}

impl From<ConfigError> for SettingsError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::At {
                error,
                key: Some(key),
                ..
            } if matches!(&*error, ConfigError::Message(text) if text.starts_with("unknown field")) => {
                Self::Key(format!("in the section {key}: {error}"))
            }
            ConfigError::Type { key: Some(key), .. } | ConfigError::At { key: Some(key), .. } => Self::Key(
                format!("the setting {key} has a value of the wrong kind, or holds an unknown key"),
            ),
            ConfigError::NotFound(key) => Self::Key(format!("the setting {key} is missing")),
            // serde names the field and the fields that exist, and no value.
            ConfigError::Message(text) if text.starts_with("unknown field") => Self::Key(text),
            ConfigError::Message(text) if text.starts_with("missing field") => Self::Key(text),
            ConfigError::FileParse { .. } | ConfigError::Foreign(_) => Self::File,
            _ => Self::Key("a setting has a value of the wrong kind".to_owned()),
        }
    }
}

impl HttpSettings {
    fn check(&self) -> Result<(), SettingsError> {
        let unfit = |origin: &String| !is_origin(origin);
        if let Some(index) = self.cors_origins.iter().position(unfit) {
            return Err(SettingsError::Origin(index + 1));
        }
        match &self.public_url {
            Some(url) if !is_public(url) => Err(SettingsError::PublicUrl),
            Some(_) | None => Ok(()),
        }
    }
}

/// Whether `text` is an origin as a browser sends it (RFC 6454, 6.2): anything else would never
/// match.
pub(crate) fn is_origin(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text
    })
}

/// Whether browsers can be sent to `url` without showing a consent state on the way.
fn is_public(url: &url::Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let safe = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    let anonymous = url.username().is_empty() && url.password().is_none();
    safe && anonymous && url.query().is_none() && url.fragment().is_none() && url.path().ends_with('/')
}

impl DatabaseSettings {
    fn check(&self) -> Result<(), SettingsError> {
        if (1..=3600).contains(&self.give_up_seconds) {
            return Ok(());
        }
        Err(SettingsError::Range {
            key: "database.give_up_seconds",
            range: "1 to 3600",
        })
    }
}

impl WorkerSection {
    fn check(&self) -> Result<(), SettingsError> {
        let seconds = |value: f64, least: f64| value.is_finite() && (least..=3600.0).contains(&value);
        let few = |value: u32| (1..=1000).contains(&value);
        let (longest, poll) = (30 * 86_400, self.poll_milliseconds);
        let ranges = [
            (
                seconds(self.lease_seconds, 1.0),
                "worker.lease_seconds",
                "1 to 3600",
            ),
            (
                seconds(self.sweep_seconds, 0.1),
                "worker.sweep_seconds",
                "0.1 to 3600",
            ),
            (few(self.concurrency), "worker.concurrency", "1 to 1000"),
            (few(self.check_slots), "worker.check_slots", "1 to 1000"),
            (few(self.workspace_limit), "worker.workspace_limit", "1 to 1000"),
            (
                few(self.check_workspace_limit),
                "worker.check_workspace_limit",
                "1 to 1000",
            ),
            (
                (1..=100).contains(&self.max_attempts),
                "worker.max_attempts",
                "1 to 100",
            ),
            (
                (60..=longest).contains(&self.queue_timeout_seconds),
                "worker.queue_timeout_seconds",
                "60 to 2592000",
            ),
            (
                (10..=60_000).contains(&poll),
                "worker.poll_milliseconds",
                "10 to 60000",
            ),
            (
                self.wait_budget_seconds <= 3600,
                "worker.wait_budget_seconds",
                "0 to 3600",
            ),
            (
                (2..=3600).contains(&self.stop_grace_seconds),
                "worker.stop_grace_seconds",
                "2 to 3600",
            ),
        ];
        if let Some((_, key, range)) = ranges.into_iter().find(|(holds, ..)| !holds) {
            return Err(SettingsError::Range { key, range });
        }
        // Whoever waits for a dead worker's run waits for its lease, the sweep and the poll.
        if self.sweep_every() + 2 * Duration::from_millis(poll) > self.lease() / 2 {
            return Err(SettingsError::Range {
                key: "worker.sweep_seconds",
                range: "so short that together with twice worker.poll_milliseconds it is not more than half of \
                    worker.lease_seconds: a run whose worker died is taken again within one and a half leases",
            });
        }
        Ok(())
    }

    /// The lease as a duration.
    pub fn lease(&self) -> Duration {
        Duration::from_secs_f64(self.lease_seconds)
    }

    /// How long the process may take to end.
    pub const fn stop_grace(&self) -> Duration {
        Duration::from_secs(self.stop_grace_seconds)
    }

    /// The worker's share of that: what is left is for answers that are on their way.
    pub fn worker_grace(&self) -> Duration {
        self.stop_grace().mul_f64(0.8)
    }

    /// The pause between sweeps as a duration.
    pub fn sweep_every(&self) -> Duration {
        Duration::from_secs_f64(self.sweep_seconds)
    }
}

impl Settings {
    /// Loads the settings: defaults, the file if one is named, the environment. `DATABASE_URL` is
    /// understood as the usual name of `TENANTATLAS__DATABASE__URL`.
    pub fn load(file: Option<&Path>) -> Result<Self, SettingsError> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(path) = file {
            if !path.exists() {
                return Err(SettingsError::NoFile(path.to_owned()));
            }
            builder = builder.add_source(File::from(path).format(FileFormat::Toml));
        }
        if let Ok(url) = std::env::var("DATABASE_URL") {
            builder = builder.set_override("database.url", url)?;
        }
        let environment = Environment::with_prefix("TENANTATLAS")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true);
        let settings: Self = builder.add_source(environment).build()?.try_deserialize()?;
        settings.database.check()?;
        settings.http.check()?;
        settings.worker.check()?;
        settings.connections.check()?;
        settings.operations.check()?;
        settings.webhooks.policy()?;
        settings.retention.check()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests;
