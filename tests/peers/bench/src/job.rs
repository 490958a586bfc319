//! What every client has to do, and which clients there are.

use std::error::Error;

/// A bench has one kind of error: it ends.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Produce,
    Consume,
}

/// One row of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// Which functions it calls.
    pub(crate) api: &'static str,
    /// librdkafka's settings beyond those that all its runs have; `None`: ours.
    pub(crate) settings: Option<&'static [(&'static str, &'static str)]>,
}

const DEFAULTS: &[(&str, &str)] = &[];
const LARGE_BATCHES: &[(&str, &str)] = &[("linger.ms", "50"), ("batch.num.messages", "100000")];
const LARGE_QUEUE: &[(&str, &str)] =
    &[("queued.min.messages", "1000000"), ("fetch.queue.backoff.ms", "10")];

const fn ours(name: &'static str, role: Role) -> Client {
    Client { name, role, api: name, settings: None }
}

const fn theirs(
    name: &'static str,
    role: Role,
    api: &'static str,
    settings: &'static [(&'static str, &'static str)],
) -> Client {
    Client { name, role, api, settings: Some(settings) }
}

pub(crate) const CLIENTS: &[Client] = &[
    ours("send_all", Role::Produce),
    theirs("BaseProducer", Role::Produce, "BaseProducer", DEFAULTS),
    ours("enqueue", Role::Produce),
    theirs("BaseProducer+", Role::Produce, "BaseProducer", LARGE_BATCHES),
    ours("try_enqueue", Role::Produce),
    theirs("ThreadedProducer", Role::Produce, "ThreadedProducer", DEFAULTS),
    theirs("ThreadedProducer+", Role::Produce, "ThreadedProducer", LARGE_BATCHES),
    theirs("FutureProducer", Role::Produce, "FutureProducer", DEFAULTS),
    theirs("FutureProducer+", Role::Produce, "FutureProducer", LARGE_BATCHES),
    ours("poll", Role::Consume),
    theirs("BaseConsumer", Role::Consume, "BaseConsumer", DEFAULTS),
    theirs("BaseConsumer+", Role::Consume, "BaseConsumer", LARGE_QUEUE),
    ours("recv", Role::Consume),
    theirs("StreamConsumer", Role::Consume, "StreamConsumer", DEFAULTS),
    theirs("StreamConsumer+", Role::Consume, "StreamConsumer", LARGE_QUEUE),
];

pub(crate) fn client(name: &str) -> Option<&'static Client> {
    CLIENTS.iter().find(|client| client.name == name)
}

/// Which records, and where.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) bootstrap: String,
    pub(crate) topic: String,
    pub(crate) partitions: i32,
    /// Bytes of each value; there are no keys.
    pub(crate) size: usize,
    pub(crate) records: usize,
    /// Kafka's name of the codec.
    pub(crate) codec: String,
}

impl Job {
    pub(crate) fn parse(words: &[&str]) -> Outcome<Self> {
        let [bootstrap, topic, partitions, size, records, codec] = words else {
            return Err(format!("not a job: {words:?}").into());
        };
        Ok(Self {
            bootstrap: (*bootstrap).into(),
            topic: (*topic).into(),
            partitions: partitions.parse()?,
            size: size.parse()?,
            records: records.parse()?,
            codec: (*codec).into(),
        })
    }

    pub(crate) fn words(&self) -> [String; 6] {
        let Self { bootstrap, topic, partitions, size, records, codec } = self.clone();
        [bootstrap, topic, partitions.to_string(), size.to_string(), records.to_string(), codec]
    }

    /// The values in order, the same for every client.
    pub(crate) fn values<'a>(&self, payloads: &'a [Vec<u8>]) -> impl Iterator<Item = &'a [u8]> {
        payloads.iter().map(Vec::as_slice).cycle().take(self.records)
    }
}

/// Random JSON-like values, always the same ones: half of each is words, half random digits.
pub(crate) fn payloads(size: usize) -> Vec<Vec<u8>> {
    const DIFFERENT: usize = 4096;
    const WORDS: [&str; 12] = [
        "order", "paid", "shipped", "refund", "basket", "checkout", "mobile", "web", "express",
        "gift", "customer", "stock",
    ];
    let mut random = fastrand::Rng::with_seed(4);
    let one = |_| {
        let mut value = format!("{{\"id\":{}", random.u32(..));
        while value.len() < size {
            let word = WORDS[random.usize(..WORDS.len())];
            value += &format!(",\"{word}\":{}", random.u32(..100_000_000));
        }
        value.truncate(size - 1);
        value.push('}');
        value.into_bytes()
    };
    (0..DIFFERENT).map(one).collect()
}

/// What a consumer saw: two readers of the same records agree, in whatever order.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Seen {
    pub(crate) records: usize,
    bytes: usize,
    /// Of one byte in the middle of each value, which is most often a digit or a letter.
    sum: u64,
}

impl Seen {
    #[inline]
    pub(crate) fn add(&mut self, value: Option<&[u8]>) {
        let value = value.unwrap_or_default();
        self.records += 1;
        self.bytes += value.len();
        self.sum += u64::from(value.get(value.len() / 2).copied().unwrap_or_default());
    }

    pub(crate) fn expected(job: &Job, payloads: &[Vec<u8>]) -> Self {
        let mut expected = Self::default();
        job.values(payloads).for_each(|value| expected.add(Some(value)));
        expected
    }
}
