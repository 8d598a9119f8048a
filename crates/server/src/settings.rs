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
    /// The worker.
    pub worker: WorkerSection,
    /// The provider.
    pub provider: ProviderSettings,
    /// Logs.
    pub telemetry: TelemetrySettings,
}

/// Where the data is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `sqlite:path` or `postgres://…`.
    pub url: Redacted<String>,
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
    /// Runs at the same time.
    pub concurrency: u32,
    /// Runs of one workspace at the same time.
    pub workspace_limit: u32,
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
}

/// The provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSettings {
    /// A loopback address in place of the provider's hosts. For demos and tests: refused for any
    /// other host, and the only way to plain HTTP.
    #[serde(default)]
    pub loopback_endpoint: Option<url::Url>,
}

/// Logs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySettings {
    /// A filter such as `info` or `warn,worker=debug`.
    pub log: String,
}

impl WorkerSection {
    /// The lease as a duration.
    pub fn lease(&self) -> Duration {
        Duration::from_secs_f64(self.lease_seconds.clamp(0.1, 3600.0))
    }

    /// The pause between sweeps as a duration.
    pub fn sweep_every(&self) -> Duration {
        Duration::from_secs_f64(self.sweep_seconds.clamp(0.1, 3600.0))
    }
}

impl Settings {
    /// Loads the settings: defaults, the file if one is named, the environment. `DATABASE_URL` is
    /// understood as the usual name of `TENANTATLAS__DATABASE__URL`.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(path) = file {
            builder = builder.add_source(File::from(path).format(FileFormat::Toml));
        }
        if let Ok(url) = std::env::var("DATABASE_URL") {
            builder = builder.set_override("database.url", url)?;
        }
        let environment = Environment::with_prefix("TENANTATLAS")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true);
        builder.add_source(environment).build()?.try_deserialize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Settings, ConfigError> {
        let builder = Config::builder()
            .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
            .add_source(File::from_str(text, FileFormat::Toml));
        builder.build()?.try_deserialize()
    }

    #[test]
    fn the_defaults_are_complete() {
        let settings = with("").expect("the defaults");
        assert_eq!(settings.http.bind.port(), 8080);
        assert!(settings.provider.loopback_endpoint.is_none());
    }

    #[test]
    fn unknown_keys_are_errors() {
        assert!(with("[http]\nbindd = \"x\"").is_err());
        assert!(with("[htttp]\nbind = \"x\"").is_err());
    }

    #[test]
    fn debug_shows_no_password() {
        let settings = with("[database]\nurl = \"postgres://me:hunter2@db/x\"").expect("valid");
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(settings.database.url.expose().contains("hunter2"));
    }
}
