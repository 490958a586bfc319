//! Our client and librdkafka, one after the other against the same broker; see `run.sh`.
//!
//!     bench BROKER_LITE                          all clients, interleaved; prints Markdown tables
//!     bench client NAME BOOTSTRAP TOPIC PARTITIONS SIZE RECORDS CODEC
//!                                                one client, once; prints what it cost

mod compare;
mod job;
mod measure;
mod ours;
mod table;
mod theirs;

use std::env;

use job::{Job, Outcome, Role};

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &arguments[..] {
        ["client", name, job @ ..] => client(name, &Job::parse(job)?),
        [broker] => compare::run(broker),
        _ => Err("bench BROKER_LITE".into()),
    }
}

/// Runs one client in this process, checks its counts, and prints the cost.
fn client(name: &str, job: &Job) -> Outcome<()> {
    let client = job::client(name).ok_or_else(|| format!("no client {name:?}"))?;
    let payloads = job::payloads(job.size);
    let expected = job::Seen::expected(job, &payloads);
    let meter = measure::Meter::start()?;
    match client.role {
        Role::Produce => {
            let confirmed = match client.settings {
                None => ours::produce(client.api, job, &payloads)?,
                Some(settings) => theirs::produce(client.api, settings, job, &payloads)?,
            };
            if confirmed != job.records {
                return Err(format!("{confirmed} of {} records were confirmed", job.records).into());
            }
        }
        Role::Consume => {
            let seen = match client.settings {
                None => ours::consume(client.api, job)?,
                Some(settings) => theirs::consume(client.api, settings, job)?,
            };
            if seen != expected {
                return Err(format!("read {seen:?}, not {expected:?}").into());
            }
        }
    }
    println!("{}", meter.stop()?);
    Ok(())
}
