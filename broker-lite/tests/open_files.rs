//! A broker process that may open fewer files than it has partitions: it starts, serves all of them,
//! and starts again after a kill and after a stop.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ottla::ids::PartitionIndex;
use ottla::{Client, OffsetReset, Record, TopicPartition};

const TOPIC: &str = "many";
const PARTITIONS: i32 = 300;
/// Standard streams, the runtime's, the lock, connections; half of it is for the log.
const OPEN_MAX: usize = 64;

struct Broker(Child);

impl Broker {
    fn spawn(data: &Path) -> (Self, String) {
        let serve = format!(
            "ulimit -n {OPEN_MAX}; exec \"$0\" serve --port 0 --topic {TOPIC}:{PARTITIONS} --data \"$1\""
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &serve, env!("CARGO_BIN_EXE_broker-lite")]).arg(data);
        let mut child = shell.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&line).expect("the ready line");
        (Self(child), ready["bootstrap"].as_str().unwrap().to_owned())
    }

    fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.0.id())).unwrap().count()
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM: it ends in order.
    fn stop(mut self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _already_gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A record more in every partition.
async fn write(bootstrap: &str, value: &str) {
    let client = Client::builder(bootstrap).build().unwrap();
    let producer = client.producer().build().unwrap();
    let mut sent = Vec::new();
    for index in (0..PARTITIONS).map(PartitionIndex) {
        let record = Record::to(TOPIC).value(format!("{index} {value}")).partition(index);
        sent.push(producer.enqueue(record).await.unwrap());
    }
    for delivery in sent {
        delivery.await.unwrap();
    }
    producer.close().await.unwrap();
    client.close().await;
}

/// What every partition holds, in its order.
async fn read(bootstrap: &str, records_each: usize) -> Vec<Vec<String>> {
    let client = Client::builder(bootstrap).build().unwrap();
    let consumer = client.consumer().reset(OffsetReset::Earliest).build().unwrap();
    consumer.assign((0..PARTITIONS).map(|index| TopicPartition::new(TOPIC, index))).unwrap();
    let mut read = vec![Vec::new(); usize::try_from(PARTITIONS).unwrap()];
    for _ in 0..read.len() * records_each {
        let record = consumer.recv().await.unwrap();
        let value = String::from_utf8(record.value.as_deref().unwrap().to_vec()).unwrap();
        read[usize::try_from(record.partition.0).unwrap()].push(value);
    }
    client.close().await;
    read
}

#[tokio::test]
async fn more_partitions_than_files_may_be_open_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let mut values = Vec::new();
    for (round, value) in ["first", "after a kill", "after a stop"].into_iter().enumerate() {
        let (broker, bootstrap) = Broker::spawn(dir.path());
        write(&bootstrap, value).await;
        values.push(value);
        for (index, read) in read(&bootstrap, values.len()).await.into_iter().enumerate() {
            let expected: Vec<_> = values.iter().map(|value| format!("{index} {value}")).collect();
            assert_eq!(read, expected);
        }
        assert!(broker.open_files() <= OPEN_MAX);
        if round == 0 { broker.kill() } else { broker.stop() }
    }
}
