//! `openapi`: prints the document that the API serves.

use clap::Args;

use super::{Failure, say};

/// Options of `openapi`.
#[derive(Debug, Args)]
pub(super) struct OpenapiArgs {
    /// Print the problem catalogue instead.
    #[arg(long)]
    problems: bool,
}

pub(super) fn run(args: &OpenapiArgs) -> Result<(), Failure> {
    if args.problems {
        say(api::problems_listing().trim_end());
    } else {
        say(api::openapi().to_pretty_json().map_err(Failure::other)?);
    }
    Ok(())
}
