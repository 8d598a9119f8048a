//! `keys`: makes key files. Keys are shown to nobody; they go from the operating system's
//! randomness into a file of mode 0600.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use storage_sea_orm::KeyRing;

use super::{Failure, say};
use crate::files;

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
}

pub(super) fn run(args: KeysArgs) -> Result<(), Failure> {
    match args.command {
        KeysCommand::New { path, kid } => {
            let text = KeyRing::generate_file(&kid);
            KeyRing::parse(&text).map_err(Failure::config)?;
            write(&path, text.as_bytes())
        }
        KeysCommand::NewTokenKey { path } => write(&path, files::encode_key(&files::random_key()).as_bytes()),
    }
}

fn write(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    files::create_private(path, contents)
        .map_err(|error| Failure::config(format!("{}: {error}", path.display())))?;
    say(format!("made {}", path.display()));
    Ok(())
}
