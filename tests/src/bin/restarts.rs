//! Stops and starts a broker while it is written to, and looks what became of every record.
//!
//! ```text
//! restarts BOOTSTRAP (STOP START)...
//! ```
//!
//! STOP and START are commands for bash. STOP returns when the broker has gone, START when it
//! serves again with what it had on disk. Two producers write until it has gone. One waits as long
//! as it takes: all its records must be there, once, in order, where it was told. The other gives up
//! within a second: what it was told is written is there, what it was told is not is not, and the
//! rest is there once at most. A STOP that says KILL must leave some in that doubt of those under way
//! by then: else nothing was that could have been lost or doubled.

use std::collections::{BTreeSet, VecDeque};
use std::env;
use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use ottla::ids::PartitionIndex;
use ottla::{Client, Delivery, NewTopic, Producer, Record};
use ottla_runtime::{Clock, watch};
use ottla_tests::history::{Fate, History, Sent};
use ottla_tests::raw::RawClient;
use ottla_tests::readback::{Batches, read_topic};
use tokio::process::Command;

/// How many records each producer writes, beside those while a broker is being stopped.
const RECORDS: u64 = 200_000;
const PARTITIONS: i32 = 6;
/// How many records of each producer may be without a fate: so many are under way at a stop, or
/// fewer. Few of those who give up, so that they do not give up all before the broker is back.
const WINDOWS: [usize; 2] = [5_000, 100];
/// How far ahead of what is settled they write while the broker is being stopped: so that some
/// records of each are always under way, and no more are written than the broker takes.
const AHEAD: u64 = 200;
/// So many records wait for the broker before it is started again.
const WAITING: u64 = 1_000;
/// What a producer that gives up waits for its records, and for an answer.
const IMPATIENT: Duration = Duration::from_millis(800);
/// How long a command, or what follows from it, may take: far longer than it does.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many complaints are shown.
const SHOWN: usize = 20;

type Failure = Box<dyn core::error::Error>;

/// Where a producer is.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    enqueued: u64,
    settled: u64,
}

/// How far the producers may go.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    records: u64,
    /// There will be no more.
    is_all: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(env::args().skip(1).collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("restarts: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Vec<String>) -> Result<(), Failure> {
    let (bootstrap, commands) = arguments.split_first().ok_or("which broker?")?;
    let (restarts, rest) = commands.as_chunks::<2>();
    if restarts.is_empty() || !rest.is_empty() {
        return Err("usage: restarts BOOTSTRAP (STOP START)...".into());
    }
    let client = Client::builder(bootstrap).build()?;
    let topic = format!("restarts-{:08x}", fastrand::u32(..));
    client.admin().create_topic(NewTopic::new(&topic).partitions(PARTITIONS)).await?;
    let patient = client.producer().delivery_timeout(PATIENCE * 10).build()?;
    let impatient = client.producer().delivery_timeout(IMPATIENT).request_timeout(IMPATIENT);
    let impatient = impatient.max_block(PATIENCE).build()?;

    let clock = Clock::system();
    let begin = clock.now();
    let stages = u64::try_from(restarts.len())? + 1;
    let allowed = watch::Sender::new(Allowed { records: RECORDS / stages, is_all: false });
    let progress = [(); 2].map(|()| watch::Sender::new(Progress::default()));
    let watched = progress.each_ref().map(watch::Sender::subscribe);
    let (waited, given_up, killed) = tokio::try_join!(
        Writer::new(0, WINDOWS[0], &progress[0]).run(&patient, &topic, allowed.subscribe()),
        Writer::new(1, WINDOWS[1], &progress[1]).run(&impatient, &topic, allowed.subscribe()),
        conduct(restarts, &clock, &allowed, watched),
    )?;
    patient.close().await?;
    impatient.close().await.ok(); // it has told its failures one by one
    println!("seconds           {:.1}", clock.now().since(begin).as_secs_f64());

    let mut history = History { sent: [waited, given_up].concat(), read: Vec::new() };
    let mut raw = RawClient::connect_to(bootstrap).await?;
    let batches = read_topic(&mut raw, &topic, PARTITIONS, &mut history).await;
    client.admin().delete_topic(&topic).await?;
    client.close().await;
    judge(&history, &batches, &killed)
}

/// A producer and the records it has no word of, the oldest first.
struct Writer<'a> {
    number: u32,
    window: usize,
    open: VecDeque<(Sent, Delivery)>,
    sent: Vec<Sent>,
    progress: &'a watch::Sender<Progress>,
}

impl<'a> Writer<'a> {
    const fn new(number: u32, window: usize, progress: &'a watch::Sender<Progress>) -> Self {
        Self { number, window, open: VecDeque::new(), sent: Vec::new(), progress }
    }

    /// Enqueues records as far as is allowed; gives what came of each.
    async fn run(
        mut self,
        producer: &Producer,
        topic: &str,
        mut allowed: watch::Receiver<Allowed>,
    ) -> Result<Vec<Sent>, Failure> {
        let handle = producer.topic(topic);
        for number in 0.. {
            loop {
                let now = *allowed.borrow_and_update();
                if number < now.records {
                    break;
                }
                if now.is_all {
                    return self.finish().await;
                }
                tokio::select! {
                    biased;
                    changed = allowed.changed() => changed?,
                    settled = self.settle(), if !self.open.is_empty() => settled?,
                }
            }
            let partition = i32::try_from(number % u64::from(PARTITIONS.unsigned_abs()))?;
            let record = Record::new().partition(PartitionIndex(partition));
            let record = record.value(History::value(self.number, number));
            let sent = Sent { producer: self.number, number, partition, fate: Fate::Refused };
            self.progress.send_modify(|progress| progress.enqueued += 1);
            match handle.enqueue(record).await {
                Ok(delivery) => self.open.push_back((sent, delivery)),
                Err(error) => return Err(error.into()), // there is room, and time
            }
            while self.open.len() >= self.window || self.oldest_is_settled() {
                self.settle().await?;
            }
        }
        self.finish().await
    }

    async fn finish(mut self) -> Result<Vec<Sent>, Failure> {
        while !self.open.is_empty() {
            self.settle().await?;
        }
        Ok(self.sent)
    }

    fn oldest_is_settled(&self) -> bool {
        self.open.front().is_some_and(|(_, delivery)| delivery.outcome().is_some())
    }

    /// Waits for the fate of the oldest record. Cancel safe.
    async fn settle(&mut self) -> Result<(), Failure> {
        let Some((_, delivery)) = self.open.front_mut() else { return Ok(()) };
        let fate = match delivery.await {
            Ok(metadata) => {
                let offset = metadata.offset.map(|offset| u64::try_from(offset.get()));
                Fate::Acked(offset.transpose()?)
            }
            Err(error) if error.is_fatal() => return Err(error.into()),
            Err(error) if error.possibly_written() => Fate::Unknown,
            Err(_) => Fate::Refused,
        };
        self.sent.extend(self.open.pop_front().map(|(sent, _)| Sent { fate, ..sent }));
        self.progress.send_modify(|progress| progress.settled += 1);
        Ok(())
    }
}

/// Stops and starts the broker, each time in the middle of what is allowed, and allows more while
/// it stops and while it is gone. Gives, for each broker that was killed, which records of who gives
/// up were on their way when it was.
async fn conduct(
    restarts: &[[String; 2]],
    clock: &Clock,
    allowed: &watch::Sender<Allowed>,
    [mut patient, mut impatient]: [watch::Receiver<Progress>; 2],
) -> Result<Vec<Range<u64>>, Failure> {
    let stage = allowed.borrow().records;
    let mut killed = Vec::new();
    for ([stop, start], number) in restarts.iter().zip(1..) {
        let middle = allowed.borrow().records - stage / 2;
        until(clock, &mut patient, |now| now.settled >= middle).await?;
        let before = impatient.borrow().settled;
        under_load(clock, stop, allowed, [&mut patient, &mut impatient]).await?;
        let (at, gives_up) = (*patient.borrow(), *impatient.borrow());
        if at.enqueued == at.settled {
            return Err(format!("nothing was under way at stop {number}: {stop}").into());
        }
        allowed.send_modify(|allowed| {
            allowed.records += stage;
            allowed.is_all = number == restarts.len();
        });
        until(clock, &mut patient, |now| now.enqueued - now.settled >= WAITING).await?;
        let begin = clock.now();
        bash(clock, start).await?;
        println!(
            "stop {number}            {} settled, {} under way; started in {:.1} s: {stop}",
            at.settled,
            at.enqueued - at.settled,
            clock.now().since(begin).as_secs_f64(),
        );
        if stop.contains("KILL") {
            killed.push(before..gives_up.enqueued);
        }
    }
    Ok(killed)
}

/// Runs the command, and allows as much as is written meanwhile.
async fn under_load(
    clock: &Clock,
    stop: &str,
    allowed: &watch::Sender<Allowed>,
    [patient, impatient]: [&mut watch::Receiver<Progress>; 2],
) -> Result<(), Failure> {
    let mut stopping = core::pin::pin!(bash(clock, stop));
    loop {
        let settled = patient.borrow_and_update().settled;
        let enough = settled.max(impatient.borrow_and_update().settled) + AHEAD;
        allowed.send_if_modified(|allowed| {
            let more = allowed.records < enough;
            allowed.records = allowed.records.max(enough);
            more
        });
        tokio::select! {
            biased;
            stopped = &mut stopping => return stopped,
            changed = patient.changed() => changed?,
            changed = impatient.changed() => changed?,
        }
    }
}

async fn until(
    clock: &Clock,
    progress: &mut watch::Receiver<Progress>,
    enough: impl Fn(Progress) -> bool,
) -> Result<(), Failure> {
    let waiting = async {
        while !enough(*progress.borrow_and_update()) {
            progress.changed().await?;
        }
        Ok(())
    };
    let waited = clock.timeout(PATIENCE, waiting).await;
    waited.map_err(|_| format!("no more than {:?} within {PATIENCE:?}", *progress.borrow()))?
}

async fn bash(clock: &Clock, command: &str) -> Result<(), Failure> {
    let running = Command::new("bash").args(["-c", command]).kill_on_drop(true).status();
    let ended =
        clock.timeout(PATIENCE, running).await.map_err(|_| format!("hangs: {command}"))??;
    if ended.success() { Ok(()) } else { Err(format!("{ended}: {command}").into()) }
}

fn judge(history: &History, batches: &Batches, killed: &[Range<u64>]) -> Result<(), Failure> {
    let places: BTreeSet<_> =
        history.read.iter().map(|read| (read.producer, read.number)).collect();
    for (producer, who) in [(0, "patient"), (1, "impatient")] {
        let of = |wanted: fn(Fate) -> bool| {
            history.sent.iter().filter(move |s| s.producer == producer && wanted(s.fate))
        };
        let unknown = of(|fate| fate == Fate::Unknown);
        let there = unknown.clone().filter(|s| places.contains(&(s.producer, s.number))).count();
        println!(
            "{who:<17} {} acknowledged, {} not written, {} possibly written of which {there} are",
            of(|fate| matches!(fate, Fate::Acked(_))).count(),
            of(|fate| fate == Fate::Refused).count(),
            unknown.count(),
        );
    }
    let Batches { count, bumped, producers } = batches;
    println!("in the log        {} records in {count} batches", history.read.len());
    println!("numbers given up  in {bumped} batches; {} producer ids", producers.len());
    let mut complaints = history.complaints();
    let lost = history.sent.iter().filter(|s| s.producer == 0);
    let lost = lost.filter(|s| !matches!(s.fate, Fate::Acked(_))).count();
    if lost > 0 {
        complaints.push(format!("{lost} records of the patient producer were not acknowledged"));
    }
    for numbers in killed {
        let hit = history.sent.iter().filter(|s| s.producer == 1 && numbers.contains(&s.number));
        let in_doubt = hit.filter(|s| s.fate == Fate::Unknown).count();
        println!(
            "killed            {in_doubt} in doubt of {} on their way",
            numbers.clone().count()
        );
        if in_doubt == 0 {
            complaints.push(format!("the kill hit nothing on its way of {numbers:?}"));
        }
    }
    for complaint in complaints.iter().take(SHOWN) {
        eprintln!("{complaint}");
    }
    if complaints.is_empty() { Ok(()) } else { Err(format!("{} wrong", complaints.len()).into()) }
}
