//! The ledger against an image, with no log and no runtime.

use bytes::Bytes;
use ottla_protocol::ids::{BrokerEpoch, LeaderEpoch, PartitionEpoch};

use super::*;
use crate::controller::records;

const NODE: NodeId = NodeId(1);

/// A ledger with its image, and everything that was decided.
#[derive(Default)]
struct Bench {
    image: Image,
    log: Vec<Bytes>,
}

impl Bench {
    /// With one broker that serves.
    fn started() -> Self {
        let mut bench = Self::default();
        bench.start();
        bench
    }

    fn start(&mut self) {
        self.ask(&Request::Register(Registration {
            id: NODE,
            incarnation: Uuid([8; 16]),
            host: "node".into(),
            port: 9092,
            log_dir: Uuid([9; 16]),
            features: vec![("metadata.version".into(), 25)],
        }));
        self.ask(&Request::Unfence(NODE));
    }

    fn ask(&mut self, request: &Request) -> Reply {
        let next = i64::try_from(self.log.len()).unwrap();
        let (events, reply) = decide(&self.image, next, request);
        for event in &events {
            self.image.apply(event);
            self.log.push(records::encode(event).unwrap());
        }
        reply
    }

    fn create(&mut self, names: &[(&str, u8)]) -> Vec<Result<CreatedTopic, Refusal>> {
        let topics = names.iter().map(|(name, id)| NewTopic {
            name: (*name).into(),
            id: Uuid([*id; 16]),
            configs: vec![("retention.ms".into(), Some("5".into()))],
            ..Default::default()
        });
        let (topics, lags) = (topics.collect(), CompactionLags::default());
        let request = CreateTopics { topics, validate_only: false, defaults: (3, 1), lags };
        match self.ask(&Request::CreateTopics(request)) {
            Reply::Created(results) => results,
            other => panic!("{other:?}"),
        }
    }

    /// What the log alone adds up to.
    fn replayed(&self) -> Image {
        let mut image = Image::default();
        for value in &self.log {
            image.apply(&Event::decode(value.clone()).unwrap());
        }
        image
    }
}

#[test]
fn replaying_the_log_gives_the_image() {
    let mut bench = Bench::started();
    bench.create(&[("a", 1), ("b", 2)]);
    bench.ask(&Request::AllocateProducerIds(NODE));
    let more = MorePartitions { topic: "a".into(), count: 7, assignments: None };
    bench.ask(&Request::CreatePartitions { topics: vec![more], validate_only: false });
    bench.ask(&Request::DeleteTopics(vec![TopicRef::Name("b".into())]));
    bench.create(&[("b", 3)]);
    bench.start();
    let image = &bench.image;
    assert_eq!(bench.replayed(), *image);
    assert_eq!(image.topic("a").unwrap().partitions.len(), 7);
    assert_eq!(image.topic("b").unwrap().id, Uuid([3; 16]));
    assert_eq!(image.topic_config(&"b".into()).get("retention.ms").unwrap(), "5");
    assert_eq!(image.next_producer_id(), ProducerId(PRODUCER_ID_BLOCK));
    assert!(image.topic_by_id(Uuid([2; 16])).is_none());
}

#[test]
fn a_broker_is_fenced_until_it_says_it_can_serve() {
    let mut bench = Bench::default();
    bench.ask(&Request::Register(Registration {
        id: NODE,
        incarnation: Uuid([8; 16]),
        host: "node".into(),
        port: 9092,
        log_dir: Uuid::ZERO,
        features: Vec::new(),
    }));
    assert_eq!(bench.image.live_brokers().count(), 0);
    assert_eq!(
        bench.create(&[("a", 1)])[0].as_ref().unwrap_err().code,
        ErrorCode::INVALID_REPLICATION_FACTOR
    );
    bench.ask(&Request::Unfence(NODE));
    assert_eq!(bench.image.live_brokers().count(), 1);
    assert!(bench.create(&[("a", 1)])[0].is_ok());
}

#[test]
fn a_registration_is_an_epoch_and_starts_a_leader_epoch() {
    let mut bench = Bench::started();
    bench.create(&[("a", 1)]);
    let before = bench.image.broker(NODE).unwrap().epoch;
    assert_eq!(before, BrokerEpoch(1), "the offset of its record, behind the feature level");
    bench.start();
    assert!(bench.image.broker(NODE).unwrap().epoch > before);
    let partitions = &bench.image.topic("a").unwrap().partitions;
    assert!(
        partitions
            .iter()
            .all(|p| p.leader_epoch == LeaderEpoch(1) && p.partition_epoch == PartitionEpoch(1))
    );
}

#[test]
fn names_that_metrics_cannot_tell_apart_collide_within_a_request_too() {
    let mut bench = Bench::started();
    let results = bench.create(&[("a.b", 1), ("a_b", 2)]);
    assert!(results[0].is_ok());
    assert_eq!(results[1].as_ref().unwrap_err().code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    bench.ask(&Request::DeleteTopics(vec![TopicRef::Id(Uuid([1; 16]))]));
    assert!(bench.create(&[("a_b", 2)])[0].is_ok(), "the other is gone");
}

#[test]
fn blocks_of_producer_ids_do_not_overlap() {
    let mut bench = Bench::started();
    for block in 0..3 {
        match bench.ask(&Request::AllocateProducerIds(NODE)) {
            Reply::ProducerIds(first) => assert_eq!(first.0, block * PRODUCER_ID_BLOCK),
            other => panic!("{other:?}"),
        }
    }
    let reply = bench.ask(&Request::AllocateProducerIds(NodeId(2)));
    assert_eq!(reply.refusal().code, ErrorCode::BROKER_ID_NOT_REGISTERED);
}

#[test]
fn random_requests_replay_to_the_same_image() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bench = Bench::started();
        for step in 0..40 {
            let name: &str = ["a", "b", "a.b", "a_b", ".."][random.usize(..5)];
            let topic = TopicRef::Name(name.into());
            match random.u8(..5) {
                0 | 1 => drop(bench.create(&[(name, 2 * step), ("c", 2 * step + 1)])),
                2 => drop(bench.ask(&Request::DeleteTopics(vec![topic]))),
                3 => {
                    let count = random.i32(0..9);
                    let more = MorePartitions { topic: name.into(), count, assignments: None };
                    let topics = vec![more];
                    bench.ask(&Request::CreatePartitions { topics, validate_only: false });
                }
                _ => bench.start(),
            }
            let image = &bench.image;
            let ids = image.topics().map(|topic| topic.id);
            assert!(ids.eq(image.topics().filter_map(|t| Some(image.topic_by_id(t.id)?.id))));
        }
        assert_eq!(bench.replayed(), bench.image, "seed {seed}");
    }
}
