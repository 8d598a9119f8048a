//! The simulator as a program, for people and for tests in other processes.
//!
//! Secrets come from the environment or are made up; they are written to the ready file, private keys to files of
//! their own, and neither anywhere else.

mod arguments;
mod files;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use microsoft_simulator::{AppRegistration, Simulator, SimulatorOptions, TenantOptions};
use serde_json::{Value, json};
use uuid::Uuid;

use arguments::{Arguments, SECRET_VARIABLE, Throttle};
use files::{ClientCertificate, Readers};

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
    let fixed = std::env::var(SECRET_VARIABLE)
        .ok()
        .filter(|secret| !secret.is_empty());
    match &arguments.ready_file {
        // Who waits for the file must not find that of an earlier run.
        Some(path) => remove_stale(path)?,
        None if fixed.is_none() => {
            let text = format!("set {SECRET_VARIABLE} or give --ready-file");
            return Err(io::Error::other(text));
        }
        None => {}
    }
    let certificate = ClientCertificate::make(&arguments)?;
    let tenants = tenants(&arguments, fixed.as_deref(), certificate.as_ref())?;
    let platform = platform(&arguments, certificate.as_ref())?;
    let (tls, authority_file) = files::server_tls(&arguments)?.unzip();
    let options = SimulatorOptions {
        bind: arguments.listen,
        seed: arguments.seed,
        tenants: tenants.clone(),
        registrations: platform.iter().map(|(one, _)| one.clone()).collect(),
        tls,
        script: arguments.script.clone(),
        throttle: arguments.throttle == Throttle::Published,
    };
    let stop = stop_signal()?;
    let simulator = Simulator::start(options).await?;
    let base_url = simulator.base_url();
    if let Some(path) = &arguments.ready_file {
        let mut ready = ready(&base_url, &tenants);
        if let Some(file) = authority_file.flatten() {
            ready["ca_file"] = json!(file);
        }
        if let Some(certificate) = certificate {
            ready["client_certificate"] = certificate.to_json();
        }
        if let Some((registration, secret)) = platform {
            ready["platform"] = json!({ "client_id": registration.client_id, "client_secret": secret });
        }
        files::write(path, &format!("{ready}\n"), Readers::Owner)?;
    }
    writeln!(io::stdout(), "microsoft-simulator answers on {base_url}")?;
    stop.await;
    simulator.stop().await;
    Ok(())
}

fn remove_stale(ready_file: &Path) -> io::Result<()> {
    match std::fs::remove_file(ready_file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(files::about(ready_file, &error)),
        _ => Ok(()),
    }
}

fn tenants(
    arguments: &Arguments,
    fixed: Option<&str>,
    certificate: Option<&ClientCertificate>,
) -> io::Result<Vec<TenantOptions>> {
    let der = certificate.map(|certificate| certificate.der.as_slice());
    (0..arguments.tenants)
        .map(|number| {
            let secret = fixed.map_or_else(random_secret, |secret| Ok(secret.to_owned()))?;
            Ok(arguments.tenant(number, secret, der))
        })
        .collect()
}

/// The multi-tenant application with a secret of its own.
fn platform(
    arguments: &Arguments,
    certificate: Option<&ClientCertificate>,
) -> io::Result<Option<(AppRegistration, String)>> {
    let Some(client) = arguments.platform_client_id else {
        return Ok(None);
    };
    let secret = random_secret()?;
    let mut registration = AppRegistration::new(client, "Platform application").with_secret(secret.as_str());
    registration.redirect_uris.clone_from(&arguments.redirect_uri);
    if let Some(certificate) = certificate {
        registration = registration.with_certificate(certificate.der.as_slice());
    }
    Ok(Some((registration, secret)))
}

/// Address, ids and secrets. The first tenant's stand at the top too.
fn ready(base_url: &str, tenants: &[TenantOptions]) -> Value {
    let listed: Vec<Value> = tenants
        .iter()
        .map(|tenant| {
            json!({
                "tenant_id": tenant.tenant_id, "display_name": tenant.display_name,
                "primary_domain": tenant.primary_domain,
                "client_id": tenant.apps.first().map(|app| app.client_id),
                "client_secret": tenant.apps.first().map(|app| &app.client_secret),
            })
        })
        .collect();
    let first = listed.first().unwrap_or(&Value::Null);
    json!({
        "base_url": base_url, "tenant_id": first["tenant_id"], "client_id": first["client_id"],
        "client_secret": first["client_secret"], "pid": std::process::id(), "tenants": listed,
    })
}

fn random_secret() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(Uuid::from_bytes(bytes).simple().to_string())
}

/// Waits for the end. What it waits for is there from the call on, so that no signal comes too early.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    })
}

#[cfg(windows)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
