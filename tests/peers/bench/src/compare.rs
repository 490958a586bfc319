//! Every cell of the matrix: all clients in turn against one broker, round after round.

use core::time::Duration;
use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tokio::runtime::Runtime;

use crate::job::{CLIENTS, Client, Job, Outcome, Role};
use crate::measure::{Cost, cpu_of};
use crate::ours::Topics;
use crate::table;

/// One table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) role: Role,
    pub(crate) size: usize,
    pub(crate) partitions: i32,
    pub(crate) codec: &'static str,
    pub(crate) records: usize,
}

/// One run of one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) cost: Cost,
    /// What the broker used meanwhile.
    pub(crate) broker: Duration,
}

/// The runs of each client of a cell, by its name.
pub(crate) type Runs = BTreeMap<&'static str, Vec<Run>>;

struct Broker {
    process: Child,
    bootstrap: String,
}

impl Broker {
    fn start(program: &str) -> Outcome<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--port", "0"]).env("RUST_LOG", "warn");
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut ready = String::new();
        let stdout = process.stdout.take().ok_or("no stdout")?;
        BufReader::new(stdout).read_line(&mut ready)?;
        let bootstrap = ready.split('"').nth(5).ok_or_else(|| format!("not ready: {ready:?}"))?;
        Ok(Self { bootstrap: bootstrap.to_owned(), process })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Prints a table for each cell, and at the end the ratios.
pub(crate) fn run(program: &str) -> Outcome<()> {
    let rounds = number("BENCH_ROUNDS", 5)?;
    let only = env::var("BENCH_ONLY").unwrap_or_default();
    let broker = Broker::start(program)?;
    let runtime = Runtime::new()?;
    let topics = runtime.block_on(Topics::new(&broker.bootstrap))?;
    let mut done = Vec::new();
    for cell in cells()?.into_iter().filter(|cell| table::title(cell).contains(&only)) {
        let bench = Bench { broker: &broker, topics: &topics, runtime: &runtime, cell };
        let runs = bench.rounds(rounds)?;
        println!("{}", table::cell(&cell, &runs)?);
        done.push((cell, runs));
    }
    println!("{}", table::ratios(&done)?);
    Ok(())
}

fn number(name: &str, default: usize) -> Outcome<usize> {
    env::var(name).map_or(Ok(default), |text| Ok(text.parse()?))
}

fn cells() -> Outcome<Vec<Cell>> {
    let megabytes = number("BENCH_MEGABYTES", 100)?;
    let mut cells = Vec::new();
    for role in [Role::Produce, Role::Consume] {
        for (size, megabytes) in [(100, megabytes), (1024, megabytes * 4)] {
            for partitions in [1, 6] {
                for codec in ["none", "lz4"] {
                    let records = megabytes * 1_000_000 / size;
                    cells.push(Cell { role, size, partitions, codec, records });
                }
            }
        }
    }
    Ok(cells)
}

struct Bench<'a> {
    broker: &'a Broker,
    topics: &'a Topics,
    runtime: &'a Runtime,
    cell: Cell,
}

impl Bench<'_> {
    /// A round that does not count, then `rounds`.
    fn rounds(&self, rounds: usize) -> Outcome<Runs> {
        let mut runs = Runs::new();
        let full = match self.cell.role {
            Role::Produce => None,
            Role::Consume => Some(self.filled()?),
        };
        for round in 0..=rounds {
            let clients: Vec<_> = CLIENTS.iter().filter(|c| c.role == self.cell.role).collect();
            // nobody always comes after the same one
            let (first, last) = clients.split_at(round % clients.len());
            for client in last.iter().chain(first) {
                let run = match &full {
                    None => self.produce(client)?,
                    Some(job) => self.client(client, job)?,
                };
                let name = client.name;
                eprintln!("{} {round} {name}: {}", table::title(&self.cell), run.cost);
                if round > 0 {
                    runs.entry(name).or_default().push(run);
                }
            }
        }
        full.map_or(Ok(()), |job| self.delete(&job))?;
        Ok(runs)
    }

    fn created(&self) -> Outcome<Job> {
        let Cell { partitions, size, records, codec, .. } = self.cell;
        let topic = self.runtime.block_on(self.topics.create(partitions))?;
        let (bootstrap, codec) = (self.broker.bootstrap.clone(), codec.to_owned());
        Ok(Job { bootstrap, topic, partitions, size, records, codec })
    }

    fn delete(&self, job: &Job) -> Outcome<()> {
        self.runtime.block_on(self.topics.delete(&job.topic))
    }

    /// A topic with all records, for consumers.
    fn filled(&self) -> Outcome<Job> {
        let job = self.created()?;
        self.fill(&CLIENTS[0], &job)?;
        Ok(job)
    }

    /// Produces, and asks the broker what is there.
    fn fill(&self, client: &Client, job: &Job) -> Outcome<Run> {
        let run = self.client(client, job)?;
        let there = self.runtime.block_on(self.topics.records(job))?;
        if there != job.records {
            let (name, records) = (client.name, job.records);
            return Err(format!("{name}: {there} records in the log, not {records}").into());
        }
        Ok(run)
    }

    fn produce(&self, client: &Client) -> Outcome<Run> {
        let job = self.created()?;
        let run = self.fill(client, &job)?;
        self.delete(&job)?;
        Ok(run)
    }

    /// A process of its own for each run: nothing is warm, and its peak is its own.
    fn client(&self, client: &Client, job: &Job) -> Outcome<Run> {
        let pid = self.broker.process.id();
        let before = cpu_of(pid)?;
        let mut command = Command::new(env::current_exe()?);
        let output = command.args(["client", client.name]).args(job.words()).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: {}: {why}", client.name, output.status).into());
        }
        Ok(Run { cost: said.parse()?, broker: cpu_of(pid)?.saturating_sub(before) })
    }
}
