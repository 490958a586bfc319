//! Ships every line of a file through an embedded broker and reads all of it back.
//!
//!     cargo run --release --example log_shipping -- FILE
//!
//! Lines are bytes, text or not, keyed by their first word. Exits with 1 and says where if what
//! came back differs: a line missing, changed, doubled, or out of order among those of its key.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use broker_lite::Cluster;
use indicatif::{ProgressBar, ProgressStyle};
use ottla::ids::PartitionIndex;
use ottla::{Client, Producer, Record, Start, TryEnqueueError};

const TOPIC: &str = "lines";
const PARTITIONS: i32 = 3;
/// The longest line, in bytes: a client takes no more than 256 MiB in one response.
const LINE_BYTES_MAX: usize = 128 * 1024 * 1024;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: cargo run --release --example log_shipping -- FILE");
        return ExitCode::from(2);
    };
    let file = match std::fs::read(&path) {
        Ok(file) => file,
        Err(error) => {
            eprintln!("cannot read {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    match run(&file).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("log_shipping: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(file: &[u8]) -> Result<bool, Box<dyn Error>> {
    let mut lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop(); // what follows the last line feed is not a line
    }
    if let Some(at) = lines.iter().position(|line| line.len() > LINE_BYTES_MAX) {
        let (at, length) = (at + 1, lines[at].len());
        return Err(format!("line {at} has {length} bytes, more than {LINE_BYTES_MAX}").into());
    }
    // a record is its line, its key and a few numbers; Kafka takes 1 MiB if not told otherwise
    let longest = lines.iter().map(|line| line.len()).max().unwrap_or_default();
    let record_bytes_max = (longest + 1024).max(1024 * 1024);
    let dir = tempfile::tempdir()?;
    let cluster = Cluster::builder()
        .data_dir(dir.path())
        .topic(TOPIC, PARTITIONS)
        .config("message.max.bytes", record_bytes_max.to_string())
        .config("socket.request.max.bytes", (2 * LINE_BYTES_MAX).to_string())
        .start()
        .await?;
    let client = Client::builder(&cluster.bootstrap()).build()?;

    let shipping = Stopwatch::start("shipping", lines.len());
    let producer = client
        .producer()
        .max_request_size(record_bytes_max)
        .buffer_memory(2 * record_bytes_max + 32 * 1024 * 1024)
        .build()?;
    ship(&producer, &lines, &shipping.bar).await?;
    producer.close().await?;
    let shipped = shipping.stop();

    let reading = Stopwatch::start("reading back", lines.len());
    let check = read_back(&client, Check::new(&lines), &reading.bar).await?;
    let read = reading.stop();

    client.close().await;
    cluster.stop().await?;
    check.print();
    for (what, took) in [("shipped in", shipped), ("read back in", read)] {
        let seconds = took.as_secs_f64();
        let (megabytes, lines) = (file.len() as f64 / 1e6, lines.len() as f64);
        let speed = format!("{:.1} MB/s, {:.0} lines/s", megabytes / seconds, lines / seconds);
        println!("{what:<16}{seconds:>8.3} s   {speed}");
    }
    Ok(check.verdict())
}

/// How long a phase took; a progress bar if standard error is a terminal.
struct Stopwatch {
    bar: ProgressBar,
    started: Instant,
}

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a person waits for this on a real clock")]
    fn start(what: &'static str, lines: usize) -> Self {
        let style = ProgressStyle::with_template("{msg:<13}{wide_bar} {pos}/{len} {elapsed}");
        let bar = ProgressBar::new(lines as u64).with_message(what);
        Self { bar: bar.with_style(style.expect("it is valid")), started: Instant::now() }
    }

    fn stop(self) -> Duration {
        self.bar.finish_and_clear();
        self.started.elapsed()
    }
}

/// The key of a line: its first word, cut where no word ends, as in binary files.
fn first_word(line: &[u8]) -> &[u8] {
    let word = line.split(u8::is_ascii_whitespace).find(|word| !word.is_empty());
    let word = word.unwrap_or_default();
    word.get(..64).unwrap_or(word)
}

async fn ship(
    producer: &Producer,
    lines: &[&[u8]],
    bar: &ProgressBar,
) -> Result<(), Box<dyn Error>> {
    let mut deliveries = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let record = Record::to(TOPIC).key(first_word(line)).value(*line);
        // the first waits for the topic's partitions, later ones only if the buffer is full
        let delivery = match producer.try_enqueue(&record) {
            Err(TryEnqueueError::Full | TryEnqueueError::MetadataPending) => {
                producer.enqueue(record).await?
            }
            done => done.map_err(|error| format!("line {}: {error}", at + 1))?,
        };
        deliveries.push(delivery);
        if at % 1024 == 0 {
            bar.set_position(at as u64);
        }
    }
    for (at, delivery) in deliveries.into_iter().enumerate() {
        delivery.await.map_err(|error| format!("line {}: {error}", at + 1))?;
    }
    Ok(())
}

/// Takes records until as many came back as were shipped, or the end of the log is reached.
async fn read_back<'a>(
    client: &Client,
    mut check: Check<'a>,
    bar: &ProgressBar,
) -> Result<Check<'a>, Box<dyn Error>> {
    let consumer = client.consumer().build()?;
    consumer.assign((0..PARTITIONS).map(|p| (TOPIC, p, Start::Earliest)))?;
    let ends = consumer.end_offsets((0..PARTITIONS).map(|p| (TOPIC, p))).await?;
    let in_log: i64 = ends.values().map(|end| end.get()).sum();
    while check.came < in_log {
        for record in &consumer.poll().await? {
            check.on(record.partition(), record.key().unwrap_or_default(), record.value());
        }
        bar.set_position(check.came.unsigned_abs());
    }
    Ok(check)
}

/// Compares what comes back with the file, key by key.
struct Check<'a> {
    lines: &'a [&'a [u8]],
    /// By key: its lines, in the order of the file, and how many of them came back.
    keys: HashMap<&'a [u8], (Vec<usize>, usize)>,
    partitions: BTreeMap<PartitionIndex, u64>,
    came: i64,
    wrong: Vec<String>,
}

impl<'a> Check<'a> {
    fn new(lines: &'a [&'a [u8]]) -> Self {
        let mut keys = HashMap::<_, (Vec<usize>, usize)>::new();
        for (at, line) in lines.iter().enumerate() {
            keys.entry(first_word(line)).or_default().0.push(at);
        }
        let partitions = (0..PARTITIONS).map(|p| (PartitionIndex(p), 0)).collect();
        Self { lines, keys, partitions, came: 0, wrong: Vec::new() }
    }

    fn on(&mut self, partition: PartitionIndex, key: &[u8], value: Option<&[u8]>) {
        self.came += 1;
        *self.partitions.entry(partition).or_default() += 1;
        let Some((expected, seen)) = self.keys.get_mut(key) else {
            self.wrong.push(format!("a line with the unknown key {:?}", show(key)));
            return;
        };
        let line = expected.get(*seen).map(|at| (*at, self.lines[*at]));
        *seen += 1;
        match line {
            Some((_, line)) if Some(line) == value => {}
            Some((at, line)) => self.wrong.push(format!(
                "line {}: {:?} should have come, {:?} came",
                at + 1,
                show(line),
                show(value.unwrap_or_default())
            )),
            None => self.wrong.push(format!("one line too many for key {:?}", show(key))),
        }
    }

    fn print(&self) {
        println!("{:<16}{:>8}", "lines in", self.lines.len());
        println!("{:<16}{:>8}", "lines out", self.came);
        for (partition, came) in &self.partitions {
            println!("{:<16}{came:>8}", format!("  partition {partition}"));
        }
        let mut keys: Vec<_> =
            self.keys.iter().map(|(key, (lines, _))| (lines.len(), key)).collect();
        keys.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        println!("{:<16}{:>8}", "keys", keys.len());
        for (lines, key) in keys.iter().take(5) {
            println!("{lines:>24}   {}", show(key));
        }
    }

    /// Whether all is well; says what is not.
    fn verdict(&self) -> bool {
        let mut wrong = self.wrong.clone();
        for (key, (lines, seen)) in &self.keys {
            let missing = lines.get(*seen..).unwrap_or_default();
            if let Some(first) = missing.first() {
                let (n, key) = (missing.len(), show(key));
                wrong.push(format!(
                    "{n} lines of key {key:?} did not come, first line {}",
                    first + 1
                ));
            }
        }
        wrong.iter().take(20).for_each(|complaint| eprintln!("{complaint}"));
        match wrong.len() {
            0 => println!("every line came back once, in order within its key"),
            n => eprintln!("{n} differences"),
        }
        wrong.is_empty()
    }
}

/// The beginning of a line or key, for a person.
fn show(bytes: &[u8]) -> String {
    let text = bytes[..bytes.len().min(40)].escape_ascii().to_string();
    if text.len() > 40 || bytes.len() > 40 { format!("{}...", &text[..37]) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn any_file_comes_back() {
        let mut long = vec![b'x'; 3 * 1024 * 1024];
        long.extend_from_slice(b" long\nshort\n");
        for (what, file) in [
            ("no line", &b""[..]),
            ("empty lines", b"\n\n\n"),
            ("no line feed at the end", b"one 1\ntwo 2"),
            ("carriage returns", b"one 1\r\n\r\none 2\r\n"),
            ("bytes that are not text", b"\xff\xfe \0\n\x80\n\xc3\x28 x\n"),
            ("a line longer than Kafka takes by itself", &long),
        ] {
            let verdict = run(file).await;
            assert!(verdict.as_ref().is_ok_and(|all| *all), "{what}: {verdict:?}");
        }
    }

    #[tokio::test]
    async fn a_line_too_long_for_any_setting_is_named() {
        let file = [b"short\n".to_vec(), vec![b'x'; LINE_BYTES_MAX + 1]].concat();
        let error = run(&file).await.unwrap_err().to_string();
        assert!(error.starts_with("line 2 has 134217729 bytes"), "{error}");
    }

    #[test]
    fn what_differs_is_a_failure() {
        let lines: [&[u8]; 3] = [b"a 1", b"a 2", b"b 1"];
        for came in [
            &[&lines[0], &lines[1]][..],
            &[&lines[1], &lines[0], &lines[2]],
            &[&lines[0], &lines[1], &lines[2], &lines[2]],
        ] {
            let mut check = Check::new(&lines);
            came.iter()
                .for_each(|line| check.on(PartitionIndex(0), first_word(line), Some(**line)));
            assert!(!check.verdict(), "{came:?}");
        }
    }
}
