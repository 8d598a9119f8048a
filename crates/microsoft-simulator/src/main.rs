//! The simulator as a program, for people and for tests in other processes.
//!
//! The client secret comes from the environment or is made up, that of the platform application is always made up;
//! they are written to the ready file and nowhere else.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use microsoft_simulator::{AppOptions, AppRegistration, Simulator, SimulatorOptions, TenantOptions};
use serde_json::{Value, json};
use uuid::Uuid;

/// Environment variable with the client secret; not an argument, because arguments can be read by others.
const SECRET_VARIABLE: &str = "SIMULATOR_CLIENT_SECRET";

/// A stand-in for Microsoft Entra and Microsoft Graph on a loopback port.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Loopback address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    bind: SocketAddr,
    /// Everything invented depends on it.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Number of users.
    #[arg(long)]
    users: Option<usize>,
    /// Number of groups.
    #[arg(long)]
    groups: Option<usize>,
    /// Number of managed devices.
    #[arg(long)]
    devices: Option<usize>,
    /// Number of device configurations.
    #[arg(long)]
    policies: Option<usize>,
    /// Number of compliance policies.
    #[arg(long)]
    compliance_policies: Option<usize>,
    /// Number of conditional access policies.
    #[arg(long)]
    conditional_access_policies: Option<usize>,
    /// The tenant has no Intune licence.
    #[arg(long)]
    no_intune: bool,
    /// Tenant id.
    #[arg(long, default_value = "7e4a0000-51d0-4c0a-9a11-000000000001")]
    tenant_id: Uuid,
    /// Client id of the one application that is admitted.
    #[arg(long, default_value = "7e4a0000-51d0-4c0a-9a11-000000000002")]
    client_id: Uuid,
    /// Client id of one multi-tenant application that tenants can consent to.
    #[arg(long, requires = "ready_file")]
    platform_client_id: Option<Uuid>,
    /// Where the consent page of that application may lead to; can be given several times.
    #[arg(long, requires = "platform_client_id")]
    redirect_uri: Vec<String>,
    /// Where to write address and credentials once it answers.
    #[arg(long)]
    ready_file: Option<PathBuf>,
    /// File with faults to play from the start on.
    #[arg(long)]
    script: Option<PathBuf>,
    /// Whether calls are counted against the published limits, and refused above them.
    #[arg(long, value_enum, default_value_t = Throttle::Off)]
    throttle: Throttle,
}

/// Which limits apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Throttle {
    /// Those that Microsoft publishes.
    Published,
    /// None.
    Off,
}

impl Arguments {
    fn tenant(&self, secret: String) -> TenantOptions {
        let sample = TenantOptions::sample(self.tenant_id);
        TenantOptions {
            users: self.users.unwrap_or(sample.users),
            groups: self.groups.unwrap_or(sample.groups),
            devices: self.devices.unwrap_or(sample.devices),
            policies: self.policies.unwrap_or(sample.policies),
            compliance_policies: self.compliance_policies.unwrap_or(sample.compliance_policies),
            conditional_access_policies: self
                .conditional_access_policies
                .unwrap_or(sample.conditional_access_policies),
            intune_licensed: !self.no_intune,
            apps: vec![AppOptions::consented(self.client_id, secret)],
            ..sample
        }
    }

    /// The multi-tenant application with a secret of its own.
    fn platform(&self) -> io::Result<Option<(AppRegistration, String)>> {
        let Some(client) = self.platform_client_id else {
            return Ok(None);
        };
        let secret = random_secret()?;
        let mut registration =
            AppRegistration::new(client, "Platform application").with_secret(secret.as_str());
        registration.redirect_uris.clone_from(&self.redirect_uri);
        Ok(Some((registration, secret)))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when not even this can be written.
            let _ = writeln!(io::stderr(), "microsoft-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> io::Result<()> {
    let secret = match std::env::var(SECRET_VARIABLE) {
        Ok(secret) if !secret.is_empty() => secret,
        _ if arguments.ready_file.is_some() => random_secret()?,
        _ => {
            return Err(io::Error::other(format!(
                "set {SECRET_VARIABLE} or give --ready-file"
            )));
        }
    };
    let tenants = vec![arguments.tenant(secret.clone())];
    let platform = arguments.platform()?;
    let options = SimulatorOptions {
        bind: arguments.bind,
        seed: arguments.seed,
        tenants,
        registrations: platform
            .iter()
            .map(|(registration, _)| registration.clone())
            .collect(),
        script: arguments.script.clone(),
        throttle: arguments.throttle == Throttle::Published,
    };
    let simulator = Simulator::start(options).await?;
    if let Some(path) = &arguments.ready_file {
        let mut ready = json!({
            "base_url": simulator.base_url(), "tenant_id": arguments.tenant_id, "client_id": arguments.client_id,
            "client_secret": secret, "pid": std::process::id(),
        });
        if let Some((registration, secret)) = platform {
            ready["platform"] = json!({ "client_id": registration.client_id, "client_secret": secret });
        }
        write_ready(path, &ready)?;
    }
    writeln!(
        io::stdout(),
        "microsoft-simulator answers on {}",
        simulator.base_url()
    )?;
    stopped().await?;
    simulator.stop().await;
    Ok(())
}

fn random_secret() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(Uuid::from_bytes(bytes).simple().to_string())
}

/// Written aside and renamed, so that a reader sees all of it or nothing; readable by the owner only.
fn write_ready(path: &Path, ready: &Value) -> io::Result<()> {
    let aside = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&aside)?;
    writeln!(file, "{ready}")?;
    file.sync_all()?;
    std::fs::rename(&aside, path)
}

#[cfg(unix)]
async fn stopped() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stopped() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
