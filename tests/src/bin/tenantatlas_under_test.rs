//! The product's binary under another name: exactly `tenantatlas`, built where the tests find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    server::commands::main()
}
