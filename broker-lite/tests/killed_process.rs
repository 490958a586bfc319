//! A broker process killed with SIGKILL, several times, while one producer writes with acks=all:
//! after each restart on the same directory and port the producer goes on by itself, and in the end
//! everything that was acknowledged is there, once, in order, where the producer was told. With
//! either durability; `OTTLA_KILLS` says how often, 5 times if it is not set.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ottla::ids::{Offset, PartitionIndex};
use ottla::{Client, Delivery, OffsetReset, Producer, Record, TopicPartition};

const TOPIC: &str = "orders";
const PARTITIONS: i32 = 3;
const KILLS: usize = 5;
/// How many records are on their way at any time, at the kill too.
const ON_THEIR_WAY: usize = 2_000;
/// At most: each kill comes after another number of them.
const ACKED_BEFORE_A_KILL: usize = 3_000;

struct Broker(Child);

impl Broker {
    fn spawn(data: &Path, port: u16, durability: &str) -> Self {
        let process = Command::new(env!("CARGO_BIN_EXE_broker-lite"))
            .args(["serve", "--topic", &format!("{TOPIC}:{PARTITIONS}"), "--port"])
            .arg(port.to_string())
            // small segments, and a recovery point that moves: a start reads only some of the log
            .args(["--config", "log.segment.bytes=1048576"])
            .args(["--config", "log.flush.offset.checkpoint.interval.ms=200"])
            .args(["--durability", durability])
            .arg("--data")
            .arg(data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(process)
    }

    /// Waits until it serves; gives its port.
    fn ready(&mut self) -> u16 {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).expect("the ready line");
        assert_eq!(ready["ready"], true);
        assert_eq!(ready["pid"], self.0.id());
        let bootstrap = ready["bootstrap"].as_str().unwrap();
        bootstrap.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A producer of the numbers from 0 on, and where it was told that they are.
struct Writer {
    producer: Producer,
    next: u64,
    on_their_way: VecDeque<(u64, Delivery)>,
    acked: BTreeMap<(PartitionIndex, Offset), u64>,
}

impl Writer {
    /// Writes until `count` more are acknowledged; many more are on their way then.
    async fn write(&mut self, count: usize) {
        for _ in 0..count {
            while self.on_their_way.len() < ON_THEIR_WAY {
                let partition = PartitionIndex(i32::try_from(self.next % 3).unwrap());
                let record = Record::to(TOPIC).value(self.next.to_string()).partition(partition);
                let delivery = self.producer.enqueue(record).await.unwrap();
                self.on_their_way.push_back((self.next, delivery));
                self.next += 1;
            }
            self.settle_one().await;
        }
    }

    async fn settle_one(&mut self) {
        let (number, delivery) = self.on_their_way.pop_front().unwrap();
        let told = delivery.await.expect("the broker is back long before delivery_timeout");
        let place = (told.partition, told.offset.expect("acks=all says where"));
        let other = self.acked.insert(place, number);
        assert_eq!(other, None, "{number} too was acknowledged at {place:?}");
    }

    /// How many records have no fate yet.
    fn open(&self) -> usize {
        self.on_their_way.iter().filter(|(_, delivery)| delivery.outcome().is_none()).count()
    }
}

/// All that the topic holds, in the order of each partition.
async fn read_all(client: &Client) -> BTreeMap<(PartitionIndex, Offset), u64> {
    let consumer = client.consumer().reset(OffsetReset::Earliest).build().unwrap();
    let partitions: Vec<_> = (0..PARTITIONS).map(|p| TopicPartition::new(TOPIC, p)).collect();
    let ends = consumer.end_offsets(partitions.clone()).await.unwrap();
    let records: i64 = ends.values().map(|end| end.get()).sum();
    consumer.assign(partitions).unwrap();
    let mut there = BTreeMap::new();
    for _ in 0..records {
        let record = consumer.recv().await.unwrap();
        let number = core::str::from_utf8(record.value.as_deref().unwrap()).unwrap();
        there.insert((record.partition, record.offset), number.parse().unwrap());
    }
    there
}

fn kills() -> usize {
    let given = std::env::var("OTTLA_KILLS");
    given.map_or(KILLS, |kills| kills.parse().expect("OTTLA_KILLS is a number"))
}

/// Kills brokers of this durability in a loop under load, then looks at what is there.
async fn kill_in_a_loop(durability: &str) {
    let data = tempfile::tempdir().unwrap();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut broker = Broker::spawn(data.path(), 0, durability);
    let port = broker.ready();
    let client = Client::builder(&format!("127.0.0.1:{port}")).build().unwrap();
    let producer = client.producer().build().unwrap();
    let (on_their_way, acked) = (VecDeque::new(), BTreeMap::new());
    let mut writer = Writer { producer, next: 0, on_their_way, acked };
    let mut open_at_a_kill = 0;
    for round in 0..kills() {
        writer.write(rng.usize(1..=ACKED_BEFORE_A_KILL)).await;
        broker.kill();
        open_at_a_kill += writer.open();
        if round % 2 == 0 {
            let mut early = Broker::spawn(data.path(), port, durability);
            if round % 4 == 0 {
                early.ready(); // it has recovered, and perhaps the producer is back
            }
            early.kill();
        }
        broker = Broker::spawn(data.path(), port, durability);
        assert_eq!(broker.ready(), port);
    }
    assert!(open_at_a_kill > 0, "the kills came while records were on their way");
    while !writer.on_their_way.is_empty() {
        writer.settle_one().await;
    }
    writer.producer.close().await.unwrap();
    let there = read_all(&client).await;
    assert_eq!(there.len(), writer.acked.len(), "as many as were acknowledged, none twice");
    assert!(there == writer.acked, "each where the producer was told");
    let mut last = BTreeMap::new();
    for ((partition, _), number) in there {
        let before = last.insert(partition, number);
        assert!(
            before.is_none_or(|before| before < number),
            "{partition}: {number} after {before:?}"
        );
    }
    assert_eq!(writer.next, u64::try_from(writer.acked.len()).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_sigkill_once_and_in_order() {
    kill_in_a_loop("os").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_does_what_was_acknowledged_once_it_was_on_the_device() {
    kill_in_a_loop("commit").await;
}
