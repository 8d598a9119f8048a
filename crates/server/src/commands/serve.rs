//! `serve`: the API, and a worker beside it unless told otherwise.

use std::{collections::BTreeSet, net::TcpListener, path::PathBuf};

use api::{
    ApiSettings,
    auth::{Issuer, LocalIssuer, PublicKeyAlgorithm, TokenVerifier},
};
use clap::Args;
use serde_json::json;

use super::{Failure, open_unless, until_signal};
use crate::{
    compose::{self, Crew, caretaker_settings, worker_settings},
    files,
    settings::{AccessSettings, IssuerSettings, Settings},
};

/// Options of `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Leave the work to `worker` processes.
    #[arg(long)]
    no_worker: bool,
    /// Run the migrations that wait, before anything else.
    #[arg(long)]
    migrate: bool,
    /// Write `{base_url, pid}` to this file once requests are answered.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

pub(super) async fn run(args: ServeArgs, settings: Settings) -> Result<(), Failure> {
    let stop = until_signal(settings.worker.stop_grace());
    let verifier = TokenVerifier::new(issuers(&settings.access)?);
    files::forget(args.ready_file.as_deref()).map_err(Failure::other)?;
    let Some(program) = open_unless(&stop, &settings, args.migrate).await? else {
        return Ok(());
    };
    let worker = if args.no_worker {
        None
    } else {
        Some(
            program
                .worker(worker_settings(&settings))
                .map_err(Failure::config)?,
        )
    };
    let listener = TcpListener::bind(settings.http.bind)
        .map_err(|error| Failure::config(format!("cannot listen on {}: {error}", settings.http.bind)))?;
    let address = listener.local_addr().map_err(Failure::other)?;
    let api_settings = ApiSettings {
        cors_origins: settings.http.cors_origins.clone(),
        public_url: settings.http.public_url.clone(),
        stale_after: settings.connections.stale_after(),
        keep_previous: settings.connections.keep_previous(),
        run_actions: settings.operations.action_times(),
        shutdown_timeout: settings.worker.stop_grace().mul_f64(0.9),
        ..ApiSettings::default()
    };
    let cursor_key = program.database.derived_key("cursor");
    let state = program.api(verifier, cursor_key, api_settings);
    tracing::info!(%address, worker = worker.is_some(), "serving");
    if let Some(path) = &args.ready_file {
        let ready = json!({ "base_url": format!("http://{address}"), "pid": std::process::id() });
        files::replace_private(path, ready.to_string().as_bytes())
            .map_err(|error| Failure::other(format!("the ready file: {error}")))?;
    }
    let crew = Crew {
        caretaker: program.caretaker(caretaker_settings(&settings)),
        worker,
    };
    compose::serve(listener, state, settings.http.threads, crew, stop)
        .await
        .map_err(Failure::other)
}

fn issuers(access: &AccessSettings) -> Result<Vec<Issuer>, Failure> {
    let mut issuers = access.issuers.iter().map(issuer).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &access.local_key_file {
        let key = files::read_key(path)
            .map_err(|error| Failure::config(format!("access.local_key_file: {error}")))?;
        issuers.push(LocalIssuer::from_key(key).verifier_issuer());
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = issuers.iter().find(|issuer| !names.insert(issuer.name())) {
        let message = format!(
            "access.issuers: {} stands there twice, and has one key",
            twice.name()
        );
        return Err(Failure::config(message));
    }
    if issuers.is_empty() {
        return Err(Failure::config(
            "nobody could come in: set access.local_key_file (`tenantatlas keys new-token-key PATH` makes one) or access.issuers",
        ));
    }
    Ok(issuers)
}

fn issuer(settings: &IssuerSettings) -> Result<Issuer, Failure> {
    let at_fault =
        |message: String| Failure::config(format!("access.issuers, {}: {message}", settings.issuer));
    let pem = std::fs::read(&settings.public_key_file).map_err(|error| at_fault(error.to_string()))?;
    let algorithm = match settings.algorithm.as_str() {
        "RS256" => PublicKeyAlgorithm::Rs256,
        "ES256" => PublicKeyAlgorithm::Es256,
        "EdDSA" => PublicKeyAlgorithm::EdDsa,
        _ => return Err(at_fault("algorithm must be RS256, ES256 or EdDSA".to_owned())),
    };
    Issuer::from_pem(&settings.issuer, &settings.audience, algorithm, &pem)
        .map_err(|error| at_fault(error.to_string()))
}
