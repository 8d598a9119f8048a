//! `migrate`: brings the schema up to date.

use super::{Failure, open, say};
use crate::settings::Settings;

pub(super) async fn run(settings: &Settings) -> Result<(), Failure> {
    let program = open(settings, true).await?;
    program.database.close().await.map_err(Failure::other)?;
    say("the schema is up to date");
    Ok(())
}
