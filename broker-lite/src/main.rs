//! The `broker-lite` binary. See `broker-lite --help`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
