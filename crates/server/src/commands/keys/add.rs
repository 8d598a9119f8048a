//! `keys add`: a new key, or one that came with the file from another host.

use clap::Args;
use storage_sea_orm::{Added, KeyAdmin, KeyRing};

use super::{close, failure, open};
use crate::{
    commands::{Failure, say},
    files,
    settings::Settings,
};

/// Options of `keys add`.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The name of the key. Without it, keys of the file that the database does not know are
    /// registered; if there are none, a new one is made and named.
    #[arg(long)]
    kid: Option<String>,
}

pub(super) async fn run(args: AddArgs, settings: &Settings) -> Result<(), Failure> {
    let admin = open(settings).await?;
    let unregistered = admin.unregistered().await.map_err(|error| failure(&error))?;
    let kids = match args.kid {
        Some(kid) => vec![kid],
        None if !unregistered.is_empty() => unregistered,
        None => vec![admin.free_name().await.map_err(|error| failure(&error))?],
    };
    let mut may_rotate = false;
    for kid in &kids {
        append(&admin, kid, settings)?;
        let added = admin.add(kid).await.map_err(|error| failure(&error))?;
        may_rotate |= added != Added::Known(storage_sea_orm::KeyState::Active);
        say(match added {
            Added::Registered => format!("key '{kid}' is registered"),
            Added::Known(state) => format!("key '{kid}' was known already: it is {}", state.as_str()),
            Added::Returned => format!("key '{kid}' is registered again; what it protects opens again"),
        });
    }
    if may_rotate {
        say(format!(
            "next: copy {} to every other host of this installation (mode 0600) and to where its backup is kept; \
             processes that run find the key by themselves. Then run `tenantatlas keys rotate`",
            settings.keys.ring_file.display()
        ));
    }
    close(admin).await
}

/// Adds a new key to the file, unless it holds one of this name.
pub(super) fn append(admin: &KeyAdmin, kid: &str, settings: &Settings) -> Result<(), Failure> {
    let path = &settings.keys.ring_file;
    let line = KeyRing::generate_file(kid);
    KeyRing::parse(&line)
        .map_err(|_| Failure::config("--kid must be 1 to 64 letters, digits, '-' or '_'"))?;
    let holds = |text: &str| {
        text.lines()
            .any(|line| line.trim().split_once(':').is_some_and(|(name, _)| name == kid))
    };
    let appended = files::append_private(path, &line, holds).map_err(|error| {
        Failure::config(format!(
            "{}: {error}. If the file is read only here, add a line of `tenantatlas keys new` to its source, and run \
             `tenantatlas keys add` again",
            path.display()
        ))
    })?;
    if appended {
        say(format!("made a new key '{kid}' in {}", path.display()));
        admin.reload();
    }
    Ok(())
}
