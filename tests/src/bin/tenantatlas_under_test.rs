//! The product's binary under another name: exactly `tenantatlas`, built where the tests find it, but
//! for the points at which a test may make it die.

use std::process::ExitCode;

fn main() -> ExitCode {
    integration_tests::chaos::failpoints::arm();
    server::commands::main()
}
