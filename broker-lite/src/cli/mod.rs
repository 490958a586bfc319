//! The command line: `serve` runs a broker, `decode` reads bytes and `log` files, every other verb is
//! a client of any Kafka.

mod base64;
mod config;
mod connect;
mod consume;
mod decode;
mod exit;
mod log;
mod output;
mod position;
mod produce;
mod record_json;
mod serve;
mod topic;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use self::exit::Failure;

/// A small Kafka broker, and a client of any Kafka.
///
/// Without a command it serves. Exit codes: 0 done, 1 error, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "broker-lite", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a broker until SIGINT or SIGTERM; prints one line of JSON when it is ready.
    Serve(serve::Serve),
    /// Lists, creates, describes, extends, trims and deletes topics.
    #[command(subcommand)]
    Topic(topic::Topic),
    /// Shows and alters the settings of topics and brokers.
    #[command(subcommand)]
    Config(config::Config),
    /// Sends lines of standard input to a topic.
    Produce(produce::Produce),
    /// Prints records of a topic.
    Consume(consume::Consume),
    /// Prints frames of Kafka's protocol as JSON.
    Decode(decode::Decode),
    /// Prints files of a data directory, or says what is wrong with them.
    #[command(subcommand)]
    Log(log::Log),
}

/// Runs the command line of this process.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Serve(cli.serve));
    trace(match command {
        Command::Serve(_) => "info",
        // what is tried again is worth a word at once, but for the bootstrap list: a verb that
        // reaches nobody there ends, and says so
        _ => "warn,ottla::bootstrap=off",
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(perform(command));
            // a read of standard input that nobody ends must not keep the process
            runtime.shutdown_background();
            done
        }
        Err(error) => Err(Failure::new("starting the runtime", &error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn trace(level: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .init();
}

async fn perform(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => serve.run().await,
        Command::Topic(topic) => topic.run().await,
        Command::Config(config) => config.run().await,
        Command::Produce(produce) => produce.run().await,
        Command::Consume(consume) => consume.run().await,
        Command::Decode(decode) => decode.run(),
        Command::Log(log) => log.run(),
    }
}

/// What succeeded, and a failure that names all that did not.
fn parted<T, E: core::fmt::Display>(
    what: &str,
    results: Vec<Result<T, E>>,
) -> (Vec<T>, Result<(), Failure>) {
    let (mut done, mut wrong) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(value) => done.push(value),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    let failure = match wrong.len() {
        0 => Ok(()),
        _ => Err(Failure::say(format!("{what}: {}", wrong.join("; ")))),
    };
    (done, failure)
}

/// `NAME=VALUE` of a repeatable option.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE expected")?;
    Ok((name.to_owned(), value.to_owned()))
}
