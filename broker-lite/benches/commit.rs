//! What waiting for the device costs: `cargo bench -p broker-lite --bench commit`.
//!
//! A broker on disk with `ottla.durability=commit`, in a process of its own, and 64 producers that
//! each wait for the acknowledgement of one record before they send the next: to one partition, and
//! each to its own. Beside it, in the same run, how often a second a file takes 100 bytes and an
//! fdatasync, one after the other, and four files side by side. CPU is that of both processes.
//! `OTTLA_BENCH_DIR` says where the files lie, if not where temporary ones do.
#![expect(clippy::unwrap_used, reason = "a figure that cannot be taken ends the run")]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use ottla::{Client, Producer, Record};
use ottla_runtime::Clock;

const PRODUCERS: i32 = 64;
const VALUE: [u8; 100] = [b'x'; 100];

/// Things done in a second.
struct Rate(f64);

impl Rate {
    fn of(count: usize, time: Duration) -> Self {
        Self(f64::from(u32::try_from(count).unwrap()) / time.as_secs_f64())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // `cargo test --benches` only asks whether it runs at all
    let long = std::env::args().any(|arg| arg == "--bench");
    let time = if long { Duration::from_secs(5) } else { Duration::from_millis(50) };
    let at = std::env::var_os("OTTLA_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(at).unwrap();
    let before = raw(dir.path(), 1, time);
    let four = raw(dir.path(), 4, time);
    println!("| | a second | to one file | CPU, cores |");
    println!("|---|---|---|---|");
    println!("| 100 bytes and fdatasync, one file | {:.0} | 1 | |", before.0);
    println!("| the same, 4 files side by side | {:.0} | {:.1} | |", four.0, four.0 / before.0);
    for (name, partitions) in [("64 producers, 1 partition", 1), ("64 partitions", PRODUCERS)] {
        let broker = Broker::start(dir.path(), partitions);
        let (acks, cores) = commit(&broker, partitions, time).await;
        println!("| {name} | {:.0} | {:.1} | {cores:.2} |", acks.0, acks.0 / before.0);
    }
    let after = raw(dir.path(), 1, time);
    println!("| one file again | {:.0} | {:.1} | |", after.0, after.0 / before.0);
}

/// Writes to files and syncs them, each by its own thread.
fn raw(dir: &Path, files: usize, time: Duration) -> Rate {
    let clock = Arc::new(Clock::system());
    let begun = clock.now();
    let write = |n: usize| {
        let (clock, path) = (Arc::clone(&clock), dir.join(format!("raw-{n}")));
        move || {
            let mut file = File::create(path).unwrap();
            let mut count = 0;
            while clock.now().since(begun) < time {
                file.write_all(&VALUE).unwrap();
                file.sync_data().unwrap();
                count += 1;
            }
            count
        }
    };
    let count = std::thread::scope(|threads| {
        let running: Vec<_> = (0..files).map(|n| threads.spawn(write(n))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    Rate::of(count, clock.now().since(begun))
}

struct Broker {
    process: Child,
    bootstrap: String,
}

impl Broker {
    fn start(dir: &Path, partitions: i32) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_broker-lite"))
            .args(["serve", "--port", "0", "--durability", "commit"])
            .args(["--topic", &format!("t:{partitions}"), "--data"])
            .arg(dir.join(format!("data-{partitions}")))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let bootstrap = line["bootstrap"].as_str().unwrap().to_owned();
        Self { process, bootstrap }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// How many acknowledgements there are, and how many cores are busy meanwhile.
async fn commit(broker: &Broker, partitions: i32, time: Duration) -> (Rate, f64) {
    let clock = Clock::system();
    let mut producers = Vec::new();
    for n in 0..PRODUCERS {
        let client = Client::builder(&broker.bootstrap).build().unwrap();
        let producer = client.producer().build().unwrap();
        send(&producer, n % partitions).await; // it is connected now
        producers.push((n % partitions, producer));
    }
    let (begun, ids) = (clock.now(), [std::process::id(), broker.process.id()]);
    let before = ids.map(cpu_seconds);
    let counts = producers.iter().map(|(partition, producer)| {
        let clock = &clock;
        async move {
            let mut count = 0;
            while clock.now().since(begun) < time {
                send(producer, *partition).await;
                count += 1;
            }
            count
        }
    });
    let counts: Vec<usize> = join_all(counts).await;
    let took = clock.now().since(begun);
    let used: f64 = ids.map(cpu_seconds).iter().zip(before).map(|(now, then)| now - then).sum();
    (Rate::of(counts.iter().sum(), took), used / took.as_secs_f64())
}

async fn send(producer: &Producer, partition: i32) {
    let record = Record::to("t").value(&VALUE[..]).partition(ottla::ids::PartitionIndex(partition));
    producer.send(record).await.unwrap();
}

/// What a process has used of the CPU.
fn cpu_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let behind_name = stat.rsplit_once(')').unwrap().1;
    let ticks = behind_name.split_whitespace().skip(11).take(2);
    let ticks: u32 = ticks.map(|ticks| ticks.parse::<u32>().unwrap()).sum();
    f64::from(ticks) / 100.0 // a tick is 10 ms on Linux
}
