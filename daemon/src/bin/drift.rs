//! The daemon's command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use drift::config;

/// A self-hosted OCI image registry with a web console.
#[derive(Parser)]
#[command(name = "drift", version)]
struct Arguments {
    /// The configuration file; else $DRIFT_CONFIG, ./drift.toml, /etc/drift/drift.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Validates the configuration and the DRIFT_* variables, then ends.
    ///
    /// Exit status: 0 where it can be used (warnings go to standard error), 2 where it can't.
    CheckConfig,
}

/// Exit status of a configuration that can't be used.
const STATUS_CONFIGURATION: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::CheckConfig => check_config(arguments.config.as_deref()),
    }
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a command line is for"
)]
fn check_config(path: Option<&std::path::Path>) -> ExitCode {
    let loaded = match config::load(path) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("drift: {error}");
            return ExitCode::from(STATUS_CONFIGURATION);
        }
    };
    for warning in &loaded.warnings {
        eprintln!("drift: warning: {warning}");
    }
    match loaded.path {
        Some(path) => println!("drift: {} can be used", path.display()),
        None => println!("drift: no file was found; the defaults and the environment can be used"),
    }
    ExitCode::SUCCESS
}
