//! What goes wrong in a run, and what the producers do meanwhile: drawn from a seed.

use core::time::Duration;

use broker_lite::{Action, Fault};
use ottla::producer::Compression;
use ottla_protocol::{ApiKey, ErrorCode};

/// Everything that a run is made from. Equal seeds give equal scripts.
#[derive(Clone, Debug)]
pub struct Script {
    /// What it was drawn from.
    pub seed: u64,
    /// How many partitions the topic has.
    pub partitions: i32,
    /// Whether the producers share a client, and so their connections.
    pub one_client: bool,
    /// Who writes to it.
    pub producers: Vec<ProducerPlan>,
    /// What happens, in the order of time.
    pub events: Vec<(Duration, Event)>,
    /// The share of connections that break, in percent.
    pub breaks_percent: u8,
    /// How long bytes travel at most.
    pub latency_max_ms: u64,
}

/// Something that happens to the broker.
#[derive(Clone, Debug)]
pub enum Event {
    /// A rule comes into force.
    Fault(Fault, Kind),
    /// The broker is killed, and starts again after this time.
    Restart(Duration),
    /// All connections are cut.
    CutAll,
}

/// A fault for the count of what really happened: the API, and what was done to it.
pub type Kind = (ApiKey, &'static str);

/// How a producer is set up, and what it does.
#[derive(Clone, Debug)]
pub struct ProducerPlan {
    /// When it starts.
    pub start: Duration,
    /// How many records it sends.
    pub records: u64,
    /// How long it rests, at most, after how many records.
    pub rest: (Duration, u64),
    /// The largest record.
    pub record_bytes_max: usize,
    /// See [`ottla::ProducerBuilder`].
    pub batch_bytes_max: usize,
    /// See [`ottla::ProducerBuilder`].
    pub buffer_memory: usize,
    /// See [`ottla::ProducerBuilder`].
    pub linger: Duration,
    /// See [`ottla::ProducerBuilder`].
    pub request_timeout: Duration,
    /// See [`ottla::ProducerBuilder`].
    pub delivery_timeout: Duration,
    /// See [`ottla::ProducerBuilder`].
    pub backoff: (Duration, Duration),
    /// See [`ottla::ProducerBuilder`].
    pub max_block: Duration,
    /// See [`ottla::ProducerBuilder`].
    pub max_in_flight: usize,
    /// See [`ottla::ProducerBuilder`].
    pub compression: Compression,
    /// How it ends.
    pub end: End,
}

/// How a producer ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// It lives until the network is whole again, and must then deliver.
    Stays,
    /// It is closed as soon as it has sent all.
    Closed,
    /// It is dropped as soon as it has sent all.
    Dropped,
    /// Its client is closed under it.
    ClientClosed,
}

/// How long the faults go on.
const TROUBLE_MS: u64 = 8_000;

impl Script {
    /// Draws a script.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let partitions = rng.i32(1..=4);
        let one_client = rng.bool();
        let mut producers: Vec<_> = (0..rng.usize(1..=3)).map(|_| ProducerPlan::new(rng)).collect();
        if one_client && producers.len() > 1 {
            for plan in producers.iter_mut().filter(|plan| plan.end == End::ClientClosed) {
                plan.end = End::Closed; // the others still need it
            }
        }
        let mut events: Vec<_> = (0..rng.usize(2..=10))
            .map(|_| (ms(rng, 0, TROUBLE_MS) * rng.u32(..2), fault(rng, partitions)))
            .collect();
        for _ in 0..rng.usize(..=2) {
            let down = Event::Restart(ms(rng, 0, 2_000));
            events.push((ms(rng, 100, TROUBLE_MS), down));
        }
        for _ in 0..rng.usize(..=2) {
            events.push((ms(rng, 100, TROUBLE_MS), Event::CutAll));
        }
        events.sort_by_key(|(at, _)| *at);
        let breaks_percent = *one_of(rng, &[0, 0, 30, 60, 90]);
        let latency_max_ms = *one_of(rng, &[0, 2, 20, 150]);
        Self { seed, partitions, one_client, producers, events, breaks_percent, latency_max_ms }
    }
}

impl ProducerPlan {
    fn new(rng: &mut fastrand::Rng) -> Self {
        let batch_bytes_max = *one_of(rng, &[64, 300, 2_000, 16_384]);
        let linger = *one_of(rng, &[Duration::ZERO, Duration::ZERO, Duration::from_millis(5)]);
        let request_timeout = ms(rng, 100, 2_000);
        let short = linger + request_timeout;
        let delivery_timeout = match rng.u8(..3) {
            0 => short,
            1 => short + ms(rng, 1, 3_000),
            _ => Duration::from_secs(60),
        };
        let backoff = ms(rng, 1, 100);
        let compressions = [Compression::None, Compression::None, Compression::Lz4];
        let ends = [End::Stays, End::Stays, End::Stays, End::Closed, End::Dropped];
        let end = if rng.u8(..12) == 0 { End::ClientClosed } else { *one_of(rng, &ends) };
        Self {
            start: *one_of(rng, &[Duration::ZERO, Duration::ZERO, Duration::from_millis(2_500)]),
            records: rng.u64(30..200),
            rest: (ms(rng, 0, 300), rng.u64(1..20)),
            record_bytes_max: *one_of(rng, &[1, 40, 600]),
            batch_bytes_max,
            buffer_memory: *one_of(rng, &[4_096, 1 << 20, 1 << 20]),
            linger,
            request_timeout,
            delivery_timeout,
            backoff: (backoff, backoff * rng.u32(1..8)),
            max_block: ms(rng, 100, 5_000),
            max_in_flight: *one_of(rng, &[1, 2, 5, 5, 5]),
            compression: *one_of(rng, &compressions),
            end,
        }
    }
}

/// Codes that say, truly or wrongly, that nothing was appended, or that leave it open. Not
/// DUPLICATE_SEQUENCE_NUMBER, by which a broker that appended nothing would say that it did.
const PRODUCE_ERRORS: [(ErrorCode, &str); 10] = [
    (ErrorCode::NOT_LEADER_OR_FOLLOWER, "NOT_LEADER_OR_FOLLOWER"),
    (ErrorCode::NOT_LEADER_OR_FOLLOWER, "NOT_LEADER_OR_FOLLOWER"),
    (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, "OUT_OF_ORDER_SEQUENCE_NUMBER"),
    (ErrorCode::UNKNOWN_PRODUCER_ID, "UNKNOWN_PRODUCER_ID"),
    (ErrorCode::INVALID_PRODUCER_EPOCH, "INVALID_PRODUCER_EPOCH"),
    (ErrorCode::REQUEST_TIMED_OUT, "REQUEST_TIMED_OUT"),
    (ErrorCode::NOT_ENOUGH_REPLICAS, "NOT_ENOUGH_REPLICAS"),
    (ErrorCode::MESSAGE_TOO_LARGE, "MESSAGE_TOO_LARGE"),
    (ErrorCode::INVALID_RECORD, "INVALID_RECORD"),
    (ErrorCode::UNKNOWN_SERVER_ERROR, "UNKNOWN_SERVER_ERROR"),
];

fn fault(rng: &mut fastrand::Rng, partitions: i32) -> Event {
    let api = match rng.u8(..14) {
        0 | 1 => ApiKey::METADATA,
        2 | 3 => ApiKey::INIT_PRODUCER_ID,
        4 | 5 => ApiKey::API_VERSIONS,
        _ => ApiKey::PRODUCE,
    };
    let (action, name) = action(rng, api);
    // the others are so rare that the first must do
    let first = if api == ApiKey::PRODUCE { rng.u64(1..8) } else { 1 };
    let mut fault = Fault::on(api).nth(first).times(rng.u64(1..=4)).then(action);
    if api == ApiKey::PRODUCE && rng.bool() {
        fault = fault.partition(rng.i32(0..partitions));
    }
    Event::Fault(fault, (api, name))
}

fn action(rng: &mut fastrand::Rng, api: ApiKey) -> (Action, &'static str) {
    match rng.u8(..12) {
        0..=4 => error(rng, api),
        5 => (Action::Delay(ms(rng, 1, 3_000)), "delay"),
        6 | 7 => (Action::DisconnectBefore, "disconnect before"),
        8 | 9 => (Action::DisconnectAfter, "disconnect after"),
        // no checksum guards a Produce reply: damaged, it may tell any lie
        10 if api != ApiKey::PRODUCE => (Action::CorruptReply, "corrupt reply"),
        _ => (Action::Silence, "silence"),
    }
}

fn error(rng: &mut fastrand::Rng, api: ApiKey) -> (Action, &'static str) {
    let (code, name) = match api {
        ApiKey::PRODUCE => *one_of(rng, &PRODUCE_ERRORS),
        ApiKey::METADATA => (ErrorCode::LEADER_NOT_AVAILABLE, "LEADER_NOT_AVAILABLE"),
        ApiKey::INIT_PRODUCER_ID => {
            (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, "COORDINATOR_LOAD_IN_PROGRESS")
        }
        _ => (ErrorCode::UNSUPPORTED_VERSION, "UNSUPPORTED_VERSION"),
    };
    (Action::Error(code), name)
}

fn one_of<'a, T>(rng: &mut fastrand::Rng, all: &'a [T]) -> &'a T {
    &all[rng.usize(..all.len())]
}

fn ms(rng: &mut fastrand::Rng, least: u64, most: u64) -> Duration {
    Duration::from_millis(rng.u64(least..=most))
}
