//! What a test pays for a broker: `cargo bench -p broker-lite`, medians of 30 runs.
//!
//! The binary, on disk and in memory: from the start of its process to its ready line, and to the
//! first record that a fresh client got acknowledged (acks=all, idempotent; the topic is made at the start);
//! memory of the idle process. Embedded: from the call of `start` to the same acknowledgement.
#![expect(clippy::unwrap_used, reason = "a figure that cannot be taken ends the run")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use broker_lite::Cluster;
use ottla::{Client, Record};
use ottla_runtime::Clock;

const RUNS: usize = 30;

/// One start of the binary.
struct Run {
    ready: Duration,
    acknowledged: Duration,
    resident_kib: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo test --benches` only asks whether it runs at all
    let runs = if std::env::args().any(|arg| arg == "--bench") { RUNS } else { 1 };
    println!("| median of {runs} | ready, ms | first record acknowledged, ms | idle, MiB |");
    println!("|---|---|---|---|");
    for (name, on_disk) in [("process, in memory", false), ("process, on disk", true)] {
        let mut all = Vec::new();
        for _ in 0..runs {
            all.push(process(on_disk).await);
        }
        let ready = median(all.iter().map(|run| run.ready).collect());
        let acknowledged = median(all.iter().map(|run| run.acknowledged).collect());
        let idle = median(all.iter().map(|run| run.resident_kib).collect()).div_ceil(1024);
        println!("| {name} | {} | {} | {idle} |", ms(ready), ms(acknowledged));
    }
    let mut all = Vec::new();
    for _ in 0..runs {
        all.push(embedded().await);
    }
    let ready = median(all.iter().map(|run| run.0).collect());
    let acknowledged = median(all.iter().map(|run| run.1).collect());
    println!("| embedded, in memory | {} | {} | |", ms(ready), ms(acknowledged));
}

async fn process(on_disk: bool) -> Run {
    let clock = Clock::system();
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_broker-lite"));
    command.args(["serve", "--port", "0", "--topic", "orders:3"]).stdout(Stdio::piped());
    if on_disk {
        command.arg("--data").arg(dir.path());
    }
    let start = clock.now();
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready = clock.now() - start;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let resident_kib = resident_kib(&child);
    acknowledge(line["bootstrap"].as_str().unwrap()).await;
    let acknowledged = clock.now() - start;
    child.kill().unwrap();
    child.wait().unwrap();
    Run { ready, acknowledged, resident_kib }
}

async fn embedded() -> (Duration, Duration) {
    let clock = Clock::system();
    let start = clock.now();
    let cluster = Cluster::builder().topic("orders", 3).memory().start().await.unwrap();
    let ready = clock.now() - start;
    acknowledge(&cluster.bootstrap()).await;
    let acknowledged = clock.now() - start;
    cluster.stop().await.unwrap();
    (ready, acknowledged)
}

async fn acknowledge(bootstrap: &str) {
    let client = Client::builder(bootstrap).build().unwrap();
    let producer = client.producer().build().unwrap();
    producer.send(Record::to("orders").key("ann").value("2 apples")).await.unwrap();
    producer.close().await.unwrap();
    client.close().await;
}

fn resident_kib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

fn ms(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}
