//! `token`: makes a bearer token, signed with this installation's own key. For the first owner,
//! for scripts, and for installations without an identity provider.

use api::auth::LocalIssuer;
use chrono::TimeDelta;
use clap::Args;
use kernel::{Clock as _, SystemClock};

use super::{Failure, say};
use crate::{files, settings::Settings};

/// Options of `token`.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// Who the token is for: the stable name that memberships refer to.
    #[arg(long)]
    subject: String,
    /// The name for people.
    #[arg(long)]
    name: Option<String>,
    /// How long it holds, in hours: 1 to 24.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(i64).range(1..=24))]
    hours: i64,
}

pub(super) fn run(args: &TokenArgs, settings: &Settings) -> Result<(), Failure> {
    if args.subject.trim().is_empty() || args.subject.len() > 255 {
        return Err(Failure::config("--subject must be 1 to 255 bytes"));
    }
    let path = settings.access.local_key_file.as_ref();
    let path = path.ok_or_else(|| Failure::config("access.local_key_file is not set"))?;
    let key =
        files::read_key(path).map_err(|error| Failure::config(format!("access.local_key_file: {error}")))?;
    let issuer = LocalIssuer::from_key(key);
    say(issuer.mint(
        &args.subject,
        args.name.as_deref(),
        TimeDelta::hours(args.hours),
        SystemClock.now(),
    ));
    Ok(())
}
