//! `keys forget`: a key is lost for ever, and the program goes on without what it protected.

use clap::Args;
use storage_sea_orm::KeyAdminError;

use super::{add, close, failure, open};
use crate::{
    commands::{Failure, say},
    settings::Settings,
};

/// Options of `keys forget`.
#[derive(Debug, Args)]
pub(super) struct ForgetArgs {
    /// The key.
    kid: String,
    /// Says that nobody has the key any more. What it protects cannot be opened from then on.
    #[arg(long)]
    lost: bool,
}

pub(super) async fn run(args: &ForgetArgs, settings: &Settings) -> Result<(), Failure> {
    let kid = &args.kid;
    if !args.lost {
        return Err(Failure::config(format!(
            "this gives up every credential that key '{kid}' protects: each is marked undecryptable, its connection is \
             blocked, and somebody has to store it anew. Look for the key in the ring files of all hosts and in their \
             backups first. If nobody has it, say so with --lost"
        )));
    }
    let admin = open(settings).await?;
    let (marked, active) = match admin.forget(kid).await {
        Err(KeyAdminError::NoSuccessor(_)) => {
            let name = admin.free_name().await.map_err(|error| failure(&error))?;
            add::append(&admin, &name, settings)?;
            admin.forget(kid).await
        }
        result => result,
    }
    .map_err(|error| failure(&error))?;
    close(admin).await?;
    say(format!(
        "key '{kid}' is lost. {marked} credentials were marked undecryptable: their connections are blocked until new \
         ones are stored. Key '{active}' is active: see that every host's key ring file holds it"
    ));
    say(format!(
        "if the key is found after all: put its line back and run `tenantatlas keys add --kid {kid}`, then `keys rotate`"
    ));
    Ok(())
}
