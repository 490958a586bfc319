use std::collections::BTreeSet;

use ottla_protocol::ids::PartitionIndex;

use super::*;
use crate::producer::error::SendError;

const NOW: (Instant, Timestamp) = (Instant::ZERO, Timestamp(77));

struct Kit {
    memory: Arc<Memory>,
    gates: Vec<Arc<Gate>>,
    topic: Topic,
}

/// A topic with that many partitions, each led by a broker of its own.
fn kit(partitioner: Partitioner, partitions: usize, memory: usize) -> Kit {
    let memory = Arc::new(Memory::new(memory));
    let bounds = Bounds { batch_bytes_max: 4_000, gather_bytes: 1_000, request_bytes_max: 10_000 };
    let name = Str::from_static("t");
    let topic = Topic::new(name, partitioner, bounds, Arc::clone(&memory), 3);
    let gates: Vec<_> = (0..partitions).map(|_| Arc::new(Gate::new(1_000))).collect();
    let place = |gate: &Arc<Gate>| Place { has_leader: true, gate: Arc::clone(gate) };
    topic.set_places(u32::try_from(partitions).unwrap(), gates.iter().map(place).collect());
    Kit { memory, gates, topic }
}

impl Kit {
    fn append(&self, record: &Record<'_>) -> Result<Appended, Blocked> {
        self.topic.append(record, Timestamp(70), None, || NOW)
    }

    fn drain(&self) -> Vec<(u32, OpenBatch)> {
        let partitions = u32::try_from(self.gates.len()).unwrap();
        let take = |p| core::iter::from_fn(move || self.topic.take(p)).map(move |batch| (p, batch));
        (0..partitions).flat_map(take).collect()
    }
}

fn fail(batches: Vec<(u32, OpenBatch)>) {
    for (_, batch) in batches {
        batch.fail(SendError::Closed { possibly_written: false });
    }
}

#[test]
fn all_bytes_come_back_whatever_becomes_of_the_batches() {
    let kit = kit(Partitioner::RoundRobin, 3, 1 << 20);
    let value = [7; 300];
    let deliveries: Vec<_> =
        (0..100).map(|_| kit.append(&Record::new().value(&value)).unwrap().delivery).collect();
    assert!(kit.memory.reserved() > 30_000);
    let waiting: usize = kit.gates.iter().map(|gate| gate.waiting()).sum();
    assert_eq!(waiting, kit.memory.reserved());
    assert_eq!(kit.topic.undelivered(), 100);
    let mut batches = kit.drain();
    assert!(batches.iter().all(|(_, batch)| batch.len() <= 4_000), "no batch above its bound");
    drop(batches.split_off(4)); // a driver that was killed
    fail(batches);
    assert!(deliveries.iter().all(|delivery| delivery.outcome().is_some()));
    assert_eq!((kit.memory.reserved(), kit.topic.undelivered()), (0, 0));
    assert!(kit.gates.iter().all(|gate| gate.waiting() == 0));
    assert!(kit.topic.unsettled().is_empty());
}

#[test]
fn the_driver_is_woken_for_the_first_record_and_when_enough_wait() {
    let kit = kit(Partitioner::Murmur2, 1, 1 << 20);
    let wakes = || {
        let value = [7; 100];
        let record = Record::new().value(&value);
        (0..20).filter(|_| kit.append(&record).unwrap().wake).count()
    };
    assert_eq!(wakes(), 2);
    assert_eq!(wakes(), 0, "it knows already");
    fail(kit.drain());
    assert_eq!(wakes(), 2);
    let mut active = Vec::new();
    kit.topic.take_active(&mut active);
    assert_eq!(active, [0, 0], "each time the partition had been empty");
    fail(kit.drain());
}

#[test]
fn a_full_buffer_asks_for_what_the_record_needs_and_takes_it_as_credit() {
    let kit = kit(Partitioner::Murmur2, 1, 2_000);
    let value = [7; 700];
    let record = Record::new().value(&value);
    assert!(kit.append(&record).is_ok() && kit.append(&record).is_ok());
    let Err(Blocked::Memory(bytes)) = kit.append(&record) else { panic!("it is full") };
    assert!((761..900).contains(&bytes), "{bytes}");
    fail(kit.drain());
    assert!(kit.memory.try_reserve(1_300), "others are quicker");
    let Err(Blocked::Memory(_)) = kit.append(&record) else { panic!("it is full") };
    kit.memory.release(1_300);
    assert!(kit.append(&record).is_ok());
    fail(kit.drain());
    assert_eq!(kit.memory.reserved(), 0);
}

#[test]
fn a_sticky_turn_ends_with_a_batch_that_had_enough_or_when_it_is_too_long() {
    let kit = kit(Partitioner::Murmur2, 8, 1 << 20);
    let value = [7; 100];
    let record = Record::new().value(&value);
    for _ in 0..3 {
        kit.append(&record).unwrap();
    }
    let mut batches = kit.drain();
    kit.append(&record).unwrap();
    batches.extend(kit.drain());
    assert_eq!(batches[0].0, batches[1].0, "400 bytes are no turn");
    for _ in 0..10 {
        kit.append(&record).unwrap();
    }
    let turn = kit.drain();
    assert_eq!((turn.len(), turn[0].0), (1, batches[0].0), "an open batch is not cut short");
    batches.extend(turn);
    for _ in 0..60 {
        kit.append(&record).unwrap();
    }
    let next = kit.drain();
    assert!(next.iter().all(|(_, batch)| batch.len() > 1_000), "turns of a batch or more");
    assert!(next.len() > 1, "8,000 bytes are more than one turn");
    batches.extend(next);
    fail(batches);
}

#[test]
fn records_with_a_place_of_their_own_do_not_shorten_a_sticky_turn() {
    let kit = kit(Partitioner::Murmur2, 8, 1 << 20);
    let value = [7; 100];
    let (plain, keyed) = (Record::new().value(&value), Record::new().key("k").value(&value));
    let turn = kit.append(&plain).unwrap().delivery.partition();
    let placed = Record::new().value(&value).partition(turn);
    for _ in 0..40 {
        kit.append(&keyed).unwrap();
        kit.append(&placed).unwrap();
    }
    fail(kit.drain());
    assert_eq!(kit.append(&plain).unwrap().delivery.partition(), turn, "200 bytes are no turn");
    fail(kit.drain());
}

#[test]
fn random_scatters_records_with_a_key_and_gathers_those_without() {
    let kit = kit(Partitioner::Random, 8, 1 << 20);
    let sent = |record: &Record<'_>| kit.append(record).unwrap().delivery.partition();
    let turn = sent(&Record::new().value("1"));
    let keyed = Record::new().key("k").value("2");
    let scattered: BTreeSet<_> = (0..200).map(|_| sent(&keyed)).collect();
    assert_eq!(scattered.len(), 8, "no partition is left out of 200 draws");
    assert_eq!(sent(&Record::new().value("3")), turn, "their turn goes on");
    fail(kit.drain());
}

#[test]
fn records_far_apart_in_time_get_batches_of_their_own() {
    let kit = kit(Partitioner::Murmur2, 1, 1 << 20);
    let at = |ms| kit.append(&Record::new().timestamp(Timestamp(ms))).unwrap().delivery;
    let _deliveries = [at(i64::MIN), at(i64::MAX), at(i64::MAX - 1)];
    let records: Vec<_> = kit.drain().iter().map(|(_, batch)| batch.records()).collect();
    assert_eq!(records, [1, 2]);
    assert_eq!(kit.memory.reserved(), 0);
}

#[test]
fn what_waits_follows_its_partition_to_another_broker() {
    let kit = kit(Partitioner::Murmur2, 1, 1 << 20);
    kit.append(&Record::new().value("v")).unwrap();
    let waiting = kit.gates[0].waiting();
    let other = Arc::new(Gate::new(1_000));
    kit.topic.set_places(1, vec![Place { has_leader: true, gate: Arc::clone(&other) }]);
    assert_eq!((kit.gates[0].waiting(), other.waiting()), (0, waiting));
    fail(kit.drain());
    assert_eq!(other.waiting(), 0);
}

#[test]
fn a_record_for_no_partition_is_refused_and_an_unknown_topic_is_worth_waiting_for() {
    let kit = kit(Partitioner::Murmur2, 2, 1 << 20);
    for (partition, refused) in [(0, false), (1, false), (2, true), (-1, true)] {
        let record = Record::new().partition(PartitionIndex(partition));
        let blocked = kit.append(&record).err();
        let is_refused =
            matches!(blocked, Some(Blocked::Refused(EnqueueError::NoSuchPartition { .. })));
        assert_eq!(is_refused, refused, "partition {partition}");
    }
    fail(kit.drain());
    kit.topic.set_places(0, Vec::new());
    for (code, waits) in [
        (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, true),
        (ErrorCode::LEADER_NOT_AVAILABLE, true),
        (ErrorCode::INVALID_TOPIC_EXCEPTION, false),
        (ErrorCode::TOPIC_AUTHORIZATION_FAILED, false),
    ] {
        kit.topic.set_refused(code);
        let blocked = kit.append(&Record::new()).err();
        assert_eq!(matches!(blocked, Some(Blocked::Metadata)), waits, "{code}");
    }
}
