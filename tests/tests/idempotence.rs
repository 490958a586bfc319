//! Five batches in flight, and the connection fails in each way it can: every record is in the log
//! once, in order, where its producer was told.

use ottla_protocol::ids::PartitionIndex;
use ottla_runtime::Clock;
use ottla_runtime::net::Connector;
use ottla_runtime::net::memory::MemoryNetwork;
use ottla_tests::chaos::Chaos;
use ottla_tests::history::{Fate, History, Sent};
use ottla_tests::raw::RawClient;
use ottla_tests::readback::{Batches, read_topic};

use broker_lite::{Action, Cluster, Fault, Storage};
use ottla::{ApiKey, Client, Delivery, Producer, Record};

const TOPIC: &str = "orders";
/// What a producer may have in flight to a partition.
const IN_FLIGHT: u64 = 5;

/// A producer, its broker, and the network between.
struct Bench {
    network: MemoryNetwork,
    chaos: Chaos,
    cluster: Cluster,
    clock: Clock,
    producer: Producer,
    next: u64,
    history: History,
}

impl Bench {
    /// One record is in the log, so that the next five may be in flight at once.
    async fn new(idempotent: bool) -> Self {
        let (network, clock) = (MemoryNetwork::new(), Clock::starting_at(1_700_000_000_000));
        let chaos = Chaos::new(&network, &clock, 1, 0, 0);
        let cluster = start(&network, &clock, Storage::memory()).await;
        let client = Client::builder(&cluster.bootstrap())
            .connector(chaos.clone())
            .clock(clock.clone())
            .seed(1)
            .build()
            .expect("a client");
        let producer = client.producer().idempotence(idempotent);
        // each record is a batch, and no batch waits for company
        let producer = producer.batch_bytes_max(1).gather_bytes(1).build().expect("a producer");
        let history = History::default();
        let mut bench = Self { network, chaos, cluster, clock, producer, next: 0, history };
        let first = bench.enqueue(1).await;
        bench.settle(first).await;
        bench
    }

    async fn enqueue(&mut self, records: u64) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for _ in 0..records {
            let value = History::value(0, self.next);
            self.next += 1;
            let record = Record::to(TOPIC).value(value).partition(PartitionIndex(0));
            deliveries.push(self.producer.enqueue(record).await.expect("room"));
        }
        deliveries
    }

    /// Waits until all are acknowledged.
    async fn settle(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let told = delivery.await.expect("acknowledged");
            let offset = told.offset.expect("with its place").get();
            let fate = Fate::Acked(Some(u64::try_from(offset).expect("an offset")));
            let number = self.history.sent.len() as u64;
            self.history.sent.push(Sent { producer: 0, number, partition: 0, fate });
        }
    }

    /// Kills the broker and starts another on what the first has written.
    async fn restart(mut self) -> Self {
        let storage = self.cluster.kill().await;
        self.cluster = start(&self.network, &self.clock, storage).await;
        self
    }

    async fn read(&mut self) -> Batches {
        let halves = self.network.connect("node", self.cluster.port()).await.expect("the broker");
        read_topic(&mut RawClient::over(halves), TOPIC, 1, &mut self.history).await
    }

    /// Nothing is lost, doubled or out of order, and nothing else is there.
    async fn check(&mut self) {
        let batches = self.read().await;
        assert_eq!(self.history.complaints(), Vec::<String>::new());
        let numbers: Vec<_> = self.history.read.iter().map(|read| read.number).collect();
        assert_eq!(numbers, (0..self.next).collect::<Vec<_>>());
        assert_eq!(batches.bumped, 0, "no number was given up");
    }
}

async fn start(network: &MemoryNetwork, clock: &Clock, storage: Storage) -> Cluster {
    let builder = Cluster::builder().storage(storage).topic(TOPIC, 1).seed(1);
    let builder = builder.memory_network(network).listen("node", 9092).clock(clock.clone());
    builder.start().await.expect("the broker starts")
}

fn on_produce() -> Fault {
    Fault::on(ApiKey::PRODUCE)
}

#[tokio::test(start_paused = true)]
async fn a_broker_silent_from_the_second_reply_on_and_then_cut_off_doubles_nothing() {
    for restart in [false, true] {
        let mut bench = Bench::new(true).await;
        let seen = bench.cluster.faults().add(on_produce());
        bench.cluster.faults().add(on_produce().nth(2).times(1).then(Action::Silence));
        let deliveries = bench.enqueue(IN_FLIGHT).await;
        assert_eq!(seen.wait(IN_FLIGHT).await, IN_FLIGHT, "all five have their effect");
        let open = deliveries.iter().filter(|delivery| delivery.outcome().is_none()).count();
        assert!(open >= 4, "four replies never leave: {deliveries:?}");
        bench.chaos.cut_all();
        if restart {
            bench = bench.restart().await;
        }
        let sent_again = bench.cluster.faults().add(on_produce());
        bench.settle(deliveries).await;
        assert_eq!(sent_again.hits(), IN_FLIGHT - 1);
        bench.check().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_cut_before_or_after_the_effect_doubles_and_loses_nothing() {
    for action in [Action::DisconnectBefore, Action::DisconnectAfter] {
        for nth in 1..=IN_FLIGHT {
            for restart in [false, true] {
                let mut bench = Bench::new(true).await;
                let fault = on_produce().nth(nth).times(1).then(action.clone());
                let cut = bench.cluster.faults().add(fault);
                let deliveries = bench.enqueue(IN_FLIGHT).await;
                assert_eq!(cut.wait(1).await, 1);
                if restart {
                    bench = bench.restart().await;
                }
                bench.settle(deliveries).await;
                bench.check().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_in_flight_at_the_cut_is_followed_by_new_batches_in_order() {
    let mut bench = Bench::new(true).await;
    for round in 1..=20 {
        let action =
            if round % 2 == 0 { Action::DisconnectBefore } else { Action::DisconnectAfter };
        let fault = on_produce().nth(round % IN_FLIGHT + 1).times(1).then(action);
        let cut = bench.cluster.faults().add(fault);
        let mut deliveries = bench.enqueue(IN_FLIGHT).await;
        cut.wait(1).await;
        deliveries.extend(bench.enqueue(2 * IN_FLIGHT).await);
        bench.settle(deliveries).await;
    }
    bench.check().await;
}

/// The cut is a real one: without idempotence it doubles.
#[tokio::test(start_paused = true)]
async fn without_idempotence_the_same_cut_writes_twice() {
    let mut bench = Bench::new(false).await;
    bench.cluster.faults().add(on_produce().times(1).then(Action::DisconnectAfter));
    let delivery = bench.enqueue(1).await;
    bench.settle(delivery).await;
    let halves = bench.network.connect("node", bench.cluster.port()).await.expect("the broker");
    let values = ottla_tests::readback::values(&mut RawClient::over(halves), TOPIC, 0).await;
    assert_eq!(values, ["0/0", "0/1", "0/1"]);
}
