//! `keys`: makes key files, and leads the ring's keys through their lives. Keys are shown to
//! nobody; they go from the operating system's randomness into a file of mode 0600.

mod add;
mod forget;
mod rotate;
mod status;

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use kernel::{SystemClock, SystemIds};
use storage_sea_orm::{DatabaseUrl, KeyAdmin, KeyAdminError, KeyRing};

use super::{Failure, chain, load_ring, say};
use crate::{compose::ComposeError, files, settings::Settings};

/// Options of `keys`.
#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key ring with one key. Keep a copy where the database's backups are not.
    New {
        /// The file to make.
        path: PathBuf,
        /// The name of the key.
        #[arg(long, default_value = "k1")]
        kid: String,
    },
    /// Make the key with which `tenantatlas token` signs.
    NewTokenKey {
        /// The file to make.
        path: PathBuf,
    },
    /// Register a key: one that the configured ring file holds already, or a new one.
    Add(add::AddArgs),
    /// Make the newest key active, and re-encrypt everything under it.
    Rotate(rotate::RotateArgs),
    /// Retire a key that protects nothing any more.
    Retire {
        /// The key.
        kid: String,
    },
    /// Give up a key that nobody has any more, and what it protects.
    Forget(forget::ForgetArgs),
    /// Show all keys and what they protect. Never shows a key.
    Status(status::StatusArgs),
}

impl KeysArgs {
    /// Makes a file, if that is all there is to do; otherwise gives the arguments back.
    pub(super) fn without_settings(self) -> Result<Result<(), Failure>, Self> {
        match self.command {
            KeysCommand::New { path, kid } => Ok(new_ring(&path, &kid)),
            KeysCommand::NewTokenKey { path } => {
                let key = files::encode_key(&files::random_key());
                Ok(write(&path, key.as_bytes()))
            }
            command => Err(Self { command }),
        }
    }
}

pub(super) async fn run(args: KeysArgs, settings: &Settings) -> Result<(), Failure> {
    match args.command {
        // Done before the settings were read.
        KeysCommand::New { .. } | KeysCommand::NewTokenKey { .. } => Ok(()),
        KeysCommand::Add(args) => add::run(args, settings).await,
        KeysCommand::Rotate(args) => rotate::run(&args, settings).await,
        KeysCommand::Retire { kid } => retire(&kid, settings).await,
        KeysCommand::Forget(args) => forget::run(&args, settings).await,
        KeysCommand::Status(args) => status::run(&args, settings).await,
    }
}

async fn retire(kid: &str, settings: &Settings) -> Result<(), Failure> {
    let admin = open(settings).await?;
    admin.retire(kid).await.map_err(|error| failure(&error))?;
    say(format!(
        "key '{kid}' is retired and protects nothing: its line may be removed from the key ring files of all hosts. \
         Keep it as long as you keep backups of the database from before"
    ));
    close(admin).await
}

/// Opens the configured database to manage its keys.
async fn open(settings: &Settings) -> Result<KeyAdmin, Failure> {
    let url = DatabaseUrl::parse(settings.database.url.expose()).map_err(Failure::config)?;
    let ring = load_ring(settings)?;
    KeyAdmin::open(&url, ring, Arc::new(SystemClock), Arc::new(SystemIds))
        .await
        .map_err(|error| Failure::composing(&ComposeError::Database(error)))
}

async fn close(admin: KeyAdmin) -> Result<(), Failure> {
    admin.close().await.map_err(Failure::other)
}

/// How a refusal exits: the ring is configuration; a busy database may be tried again.
fn failure(error: &KeyAdminError) -> Failure {
    let message = chain(error);
    match error {
        KeyAdminError::Ring(_) | KeyAdminError::NotInRing(_) => Failure::config(message),
        KeyAdminError::Store(cause) if cause.retryable() => Failure::unavailable(message),
        _ => Failure::other(message),
    }
}

fn new_ring(path: &std::path::Path, kid: &str) -> Result<(), Failure> {
    let text = KeyRing::generate_file(kid);
    KeyRing::parse(&text).map_err(Failure::config)?;
    write(path, text.as_bytes())
}

fn write(path: &std::path::Path, contents: &[u8]) -> Result<(), Failure> {
    files::create_private(path, contents)
        .map_err(|error| Failure::config(format!("{}: {error}", path.display())))?;
    say(format!("made {}", path.display()));
    Ok(())
}
