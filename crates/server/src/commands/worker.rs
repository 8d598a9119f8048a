//! `worker`: executes runs, without an API.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Failure, open_unless, until_signal};
use crate::{
    compose::{Crew, caretaker_settings, worker_settings},
    files,
    settings::Settings,
};

/// Options of `worker`.
#[derive(Debug, Args)]
pub(super) struct WorkerArgs {
    /// Write `{pid}` to this file once work is looked for.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

pub(super) async fn run(args: WorkerArgs, settings: Settings) -> Result<(), Failure> {
    let stop = until_signal(settings.worker.stop_grace());
    files::forget(args.ready_file.as_deref()).map_err(Failure::other)?;
    let Some(program) = open_unless(&stop, &settings, false).await? else {
        return Ok(());
    };
    let worker = program
        .worker(worker_settings(&settings))
        .map_err(Failure::config)?;
    if let Some(path) = &args.ready_file {
        let ready = json!({ "pid": std::process::id() });
        files::replace_private(path, ready.to_string().as_bytes())
            .map_err(|error| Failure::other(format!("the ready file: {error}")))?;
    }
    tracing::info!("working");
    let crew = Crew {
        caretaker: program.caretaker(caretaker_settings(&settings)),
        worker: Some(worker),
    };
    crew.run(stop).await.map_err(Failure::other)
}
