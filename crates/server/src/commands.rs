//! The commands. Each prints what a person needs to go on, and exits with 78 (`EX_CONFIG` of
//! sysexits.h) when the configuration is at fault.

mod discover;
mod doctor;
mod keys;
mod migrate;
mod openapi;
mod serve;
mod signals;
mod token;
mod worker;

pub(crate) use self::signals::until_signal;
use std::{io::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use storage_sea_orm::{DatabaseUrl, KeyRing};
use tokio_util::sync::CancellationToken;

use crate::{
    compose::{ComposeError, Program, ProviderSetup},
    demo,
    settings::Settings,
    telemetry,
};

/// TenantAtlas: connect tenants, run operations against them, one at a time.
#[derive(Debug, Parser)]
#[command(name = "tenantatlas", version, about)]
pub struct Cli {
    /// A settings file (TOML). Without it, defaults and the environment count.
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API, with a worker in the same process.
    Serve(serve::ServeArgs),
    /// Execute operation runs, without an API.
    Worker(worker::WorkerArgs),
    /// Bring the database's schema up to date.
    Migrate,
    /// Show the product on a simulated tenant: one command, nothing to install.
    Demo(demo::DemoArgs),
    /// Print the OpenAPI document.
    Openapi(openapi::OpenapiArgs),
    /// Find a tenant by its domain: what a connection to it is created with.
    Discover(discover::DiscoverArgs),
    /// Say what is stuck and why, and what to do about it. Changes nothing.
    Doctor(doctor::DoctorArgs),
    /// Make key files, and manage the keys that protect stored credentials.
    Keys(keys::KeysArgs),
    /// Make a bearer token, signed with this installation's own key.
    Token(token::TokenArgs),
}

/// Why a command failed, and how it exits.
#[derive(Debug)]
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// The configuration is at fault (`EX_CONFIG`).
    pub fn config(message: impl std::fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            code: 78,
        }
    }

    /// The program could not be put together: the configuration is at fault, or the database is
    /// not there at the moment (`EX_UNAVAILABLE`), which a supervisor may try again.
    pub fn composing(error: &ComposeError) -> Self {
        let code = if error.is_passing() { 69 } else { 78 };
        Self {
            message: chain(error),
            code,
        }
    }

    /// What is needed is not there at the moment (`EX_UNAVAILABLE`): the same may work later.
    pub fn unavailable(message: impl std::fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            code: 69,
        }
    }

    /// The command did what it could, and stored data is at fault (`EX_DATAERR`).
    pub fn data(message: impl std::fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            code: 65,
        }
    }

    /// Something else.
    pub fn other(message: impl std::fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            code: 1,
        }
    }
}

/// An error with its causes. Those of the database hold a code and a constraint's name only.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

/// For how long what is left behind may hold up the end of the process.
const LEFT_BEHIND: Duration = Duration::from_secs(1);

/// The whole program. A thread that is stuck in a run's code does not keep the process alive.
pub fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tenantatlas: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run(Cli::parse()));
    runtime.shutdown_timeout(LEFT_BEHIND);
    code
}

/// Runs a command to its end.
pub async fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Demo(args) => demo::run(args).await.map_err(Failure::other),
        Command::Openapi(args) => openapi::run(&args),
        Command::Discover(args) => discover::run(args).await,
        Command::Keys(args) => match args.without_settings() {
            Ok(done) => done,
            Err(args) => load_and_run(Command::Keys(args), cli.config).await,
        },
        command => load_and_run(command, cli.config).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "tenantatlas: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

async fn load_and_run(command: Command, config: Option<PathBuf>) -> Result<(), Failure> {
    match Settings::load(config.as_deref()) {
        Ok(settings) => configured(command, settings).await,
        Err(error) => Err(Failure::config(error)),
    }
}

async fn configured(command: Command, settings: Settings) -> Result<(), Failure> {
    telemetry::init(&settings.telemetry.log).map_err(Failure::config)?;
    match command {
        Command::Serve(args) => serve::run(args, settings).await,
        Command::Worker(args) => worker::run(args, settings).await,
        Command::Migrate => migrate::run(&settings).await,
        Command::Token(args) => token::run(&args, &settings),
        Command::Keys(args) => keys::run(args, &settings).await,
        Command::Doctor(args) => doctor::run(&args, &settings).await,
        Command::Demo(_) | Command::Openapi(_) | Command::Discover(_) => Ok(()),
    }
}

/// Opens the database with the configured keys.
async fn open(settings: &Settings, migrate: bool) -> Result<Program, Failure> {
    let url = DatabaseUrl::parse(settings.database.url.expose()).map_err(Failure::config)?;
    let ring = load_ring(settings)?;
    let setup = ProviderSetup::of(&settings.provider).map_err(|error| Failure::composing(&error))?;
    let mut program = Program::open(&url, ring, migrate, setup)
        .await
        .map_err(|error| Failure::composing(&error))?;
    let give_up_after = Duration::from_secs(settings.database.give_up_seconds);
    program.database.give_up_after(give_up_after);
    program.webhooks = settings.webhooks.policy().map_err(Failure::config)?;
    Ok(program)
}

/// The same; nothing if the process is asked to end meanwhile.
async fn open_unless(
    stop: &CancellationToken,
    settings: &Settings,
    migrate: bool,
) -> Result<Option<Program>, Failure> {
    let opening = Box::pin(open(settings, migrate));
    stop.run_until_cancelled(opening).await.transpose()
}

/// Reads the configured key ring.
fn load_ring(settings: &Settings) -> Result<KeyRing, Failure> {
    let path = &settings.keys.ring_file;
    KeyRing::load(path).map_err(|error| {
        let error = chain(&error);
        Failure::config(format!(
            "keys.ring_file: {error}. It is expected at {}; for a new installation `tenantatlas keys new PATH` makes one",
            path.display()
        ))
    })
}

/// Prints a line for a person or a script.
pub(crate) fn say(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
