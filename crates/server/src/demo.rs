//! `demo`: the main job on a simulated tenant. Starts the simulator, the API and a worker on a
//! fresh SQLite file, then does through the public HTTP API what a newcomer would do, and says
//! what came of it. Nothing here has a way around the API.

mod consent;
mod rotation;
mod search;
mod steps;
mod story;
mod transcript;
mod world;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use serde_json::{Value, json};

use crate::{commands::until_signal, files, settings::is_origin, telemetry};

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// End after the transcript; the exit status is 0 only if every step was as promised.
    #[arg(long)]
    exit: bool,
    /// Leave the transcript out.
    #[arg(long)]
    quiet: bool,
    /// Write addresses, ids, a token and a secret to try things with to this file, as JSON with
    /// mode 0600, once everything is ready.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
    /// Where the API listens; a free port unless given.
    #[arg(long, default_value = "127.0.0.1:0")]
    bind: SocketAddr,
    /// Where the simulator listens; a free port unless given.
    #[arg(long, default_value = "127.0.0.1:0")]
    simulator_bind: SocketAddr,
    /// An origin that may call from a browser, such as <http://localhost:5173>; repeatable.
    #[arg(long = "cors-origin", value_name = "ORIGIN", value_parser = origin)]
    cors_origins: Vec<String>,
    /// How many users the largest simulated tenant has.
    #[arg(long, default_value_t = 2400)]
    users: usize,
    /// What to log, such as `info`. Logs go to standard error.
    #[arg(long, default_value = "off")]
    log: String,
}

fn origin(text: &str) -> Result<String, &'static str> {
    if is_origin(text) {
        Ok(text.to_owned())
    } else {
        Err("scheme, host and perhaps a port, such as http://localhost:5173, and nothing behind it")
    }
}

/// Why the demo did not go as promised.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Something could not be started.
    #[error("{0} could not be started: {1}")]
    Start(&'static str, String),
    /// No answer came.
    #[error(transparent)]
    Client(#[from] cli::ClientError),
    /// A step was not as promised.
    #[error("not as promised: {0}")]
    Broken(String),
}

/// How long the end may take.
const GRACE: Duration = Duration::from_secs(30);

/// Runs the demo.
pub async fn run(args: DemoArgs) -> Result<(), DemoError> {
    telemetry::init(&args.log).map_err(|error| DemoError::Start("the log", error.to_string()))?;
    files::forget(args.ready_file.as_deref())
        .map_err(|error| DemoError::Start("the ready file", error.to_string()))?;
    let shutdown = until_signal(GRACE);
    let world = world::World::start(&args, shutdown.clone()).await?;
    let mut transcript = transcript::Transcript::new(args.quiet);
    let told = tokio::select! {
        told = story::tell(&world, &mut transcript) => told,
        () = shutdown.cancelled() => Err(DemoError::Broken("interrupted".to_owned())),
    };
    let result = match told {
        Ok(ids) => linger(&args, &world, &ids, &mut transcript, &shutdown).await,
        Err(error) => Err(error),
    };
    shutdown.cancel();
    world.stop().await;
    result
}

/// What scripts want to know.
pub(crate) struct Ids {
    pub(crate) workspace: String,
    pub(crate) environment: String,
    pub(crate) connection: String,
}

async fn linger(
    args: &DemoArgs,
    world: &world::World,
    ids: &Ids,
    transcript: &mut transcript::Transcript,
    shutdown: &tokio_util::sync::CancellationToken,
) -> Result<(), DemoError> {
    if let Some(path) = &args.ready_file {
        let ready = ready(world, ids);
        files::replace_private(path, ready.to_string().as_bytes())
            .map_err(|error| DemoError::Start("the ready file", error.to_string()))?;
    }
    if args.exit {
        return Ok(());
    }
    // A script that reads the ready file has the token from there: it need not stand in a log.
    if !(args.quiet && args.ready_file.is_some()) {
        transcript.farewell(world, ids);
    }
    shutdown.cancelled().await;
    Ok(())
}

/// What scripts and readers of the guide need.
fn ready(world: &world::World, ids: &Ids) -> Value {
    let contoso = &world.contoso;
    json!({
        "base_url": world.base_url,
        "token": world.token,
        "workspace_id": ids.workspace,
        "environment_id": ids.environment,
        "connection_id": ids.connection,
        "simulator_url": world.simulator_url(),
        "adatum_tenant_id": world.adatum.tenant_id,
        "litware_tenant_id": world.litware.tenant_id,
        "contoso": {
            "tenant_id": contoso.tenant_id,
            "client_id": contoso.client_id,
            "next_secret": contoso.later_secret(2),
        },
        "pid": std::process::id(),
    })
}
