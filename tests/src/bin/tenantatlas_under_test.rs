//! The product's binary under another name: exactly `tenantatlas`, built where the tests find it.

use std::process::ExitCode;

use clap::Parser as _;
use server::commands::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    server::commands::run(Cli::parse()).await
}
