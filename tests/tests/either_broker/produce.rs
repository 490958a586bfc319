//! What is produced can be read, as it was.

use bytes::Bytes;
use ottla::ids::{PartitionIndex, Timestamp};
use ottla::{Acks, Compression, Delivery, Header, Record, TimestampType};
use ottla_tests::readback;

use crate::world::{World, at, take, to};

/// More than one batch, and more than one block of each codec.
const RECORDS: u64 = 1_500;

/// Some compress well, some not at all, some are empty.
fn value(number: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(number);
    let len = random.usize(..600);
    if number.is_multiple_of(3) {
        (0..len).map(|_| random.u8(..)).collect()
    } else {
        format!("{number:08}").into_bytes().into_iter().cycle().take(len).collect()
    }
}

#[tokio::test]
async fn each_codec_brings_back_every_byte_and_is_what_lies_in_the_log() {
    let world = World::new().await;
    for codec in Compression::ALL {
        let topic = world.topic_for_old_times(codec.name(), 3).await;
        let builder = world.client.producer().compression(codec).batch_bytes_max(100_000);
        let producer = builder.build().unwrap();
        for number in 0..RECORDS {
            let partition = PartitionIndex(i32::try_from(number % 3).unwrap());
            let record = Record::to(&topic).partition(partition).value(value(number));
            let time = Timestamp(1_000 + i64::try_from(number).unwrap());
            producer.enqueue(record.timestamp(time)).await.unwrap();
        }
        producer.close().await.unwrap();
        let consumer = world.consumer();
        for partition in 0..3 {
            consumer.assign([(&*topic, partition)]).unwrap();
            let count = usize::try_from(RECORDS / 3).unwrap();
            for (place, record) in (0_u64..).zip(take(&consumer, count).await) {
                let number = place * 3 + u64::try_from(partition).unwrap();
                assert_eq!(record.offset, at(i64::try_from(place).unwrap()), "{codec}");
                assert_eq!(record.value.unwrap(), value(number), "{codec} {number}");
                assert_eq!(record.timestamp.0, 1_000 + i64::try_from(number).unwrap());
                assert_eq!(record.timestamp_type, TimestampType::CreateTime);
            }
            let stored = readback::codecs(&mut world.raw().await, &topic, partition).await;
            assert!(stored.len() > 1, "{codec}: more than one batch");
            assert!(stored.iter().all(|stored| *stored == codec), "{codec}: {stored:?}");
        }
        consumer.close().await;
    }
    world.end().await;
}

#[tokio::test]
async fn keys_headers_tombstones_and_empty_values_come_back_as_they_were() {
    let world = World::new().await;
    for codec in Compression::ALL {
        let topic = world.topic("shapes").await;
        let producer = world.client.producer().compression(codec).build().unwrap();
        let null = Header { key: "null".into(), value: None };
        let shapes = [
            to(&topic).key("k").value("v"),
            to(&topic).key("k"),
            to(&topic).value("no key"),
            to(&topic).key("").value(""),
            to(&topic),
            to(&topic).key(&[0, 255, 128]).value(&[255, 0]),
            to(&topic).header("a", "1").header("b", "").header("a", "2").headers([null]),
            to(&topic).header("", "no name").header("\u{fc}", &b"\xff\x00"[..]),
        ];
        let sent: Vec<Delivery> = {
            let mut sent = Vec::new();
            for record in shapes {
                sent.push(producer.enqueue(record).await.unwrap());
            }
            sent
        };
        for (delivery, offset) in sent.into_iter().zip(0..) {
            assert_eq!(delivery.await.unwrap().offset, Some(at(offset)));
        }
        producer.close().await.unwrap();
        let bytes = |bytes: &'static [u8]| Some(Bytes::from_static(bytes));
        let expected = [
            (bytes(b"k"), bytes(b"v")),
            (bytes(b"k"), None),
            (None, bytes(b"no key")),
            (bytes(b""), bytes(b"")),
            (None, None),
            (bytes(&[0, 255, 128]), bytes(&[255, 0])),
            (None, None),
            (None, None),
        ];
        let read = world.read(&topic, expected.len()).await;
        let found: Vec<_> = read.iter().map(|r| (r.key.clone(), r.value.clone())).collect();
        assert_eq!(found, expected, "{codec}");
        let headers = |record: usize| {
            let each = read[record].headers.iter().map(|h| (h.key.to_string(), h.value.clone()));
            each.collect::<Vec<_>>()
        };
        let named = |name: &str, value| (name.to_owned(), value);
        assert!((0..6).all(|record| headers(record).is_empty()), "{codec}");
        let repeated = [("a", bytes(b"1")), ("b", bytes(b"")), ("a", bytes(b"2")), ("null", None)];
        assert_eq!(headers(6), repeated.map(|(name, value)| named(name, value)), "{codec}");
        let odd = [("", bytes(b"no name")), ("\u{fc}", bytes(b"\xff\x00"))];
        assert_eq!(headers(7), odd.map(|(name, value)| named(name, value)), "{codec}");
    }
    world.end().await;
}

#[tokio::test]
async fn each_kind_of_acknowledgement_tells_what_it_can() {
    let world = World::new().await;
    for (acks, offset) in
        [(Acks::None, None), (Acks::Leader, Some(at(1))), (Acks::All, Some(at(1)))]
    {
        let topic = world.topic("acks").await;
        let producer = world.client.producer().acks(acks).idempotence(false).build().unwrap();
        producer.send(to(&topic).value("0")).await.unwrap();
        assert_eq!(producer.send(to(&topic).value("1")).await.unwrap().offset, offset, "{acks:?}");
        producer.close().await.unwrap();
        let read = world.read(&topic, 2).await;
        assert_eq!(
            read.iter().map(|r| r.value.as_deref().unwrap()).collect::<Vec<_>>(),
            [b"0", b"1"]
        );
    }
    world.end().await;
}

#[tokio::test]
async fn the_leader_remembers_who_wrote_idempotently_and_what_came_last() {
    let world = World::new().await;
    let plain = world.topic_for_old_times("plain", 1).await;
    let numbered = world.topic_for_old_times("numbered", 1).await;
    for (topic, idempotent) in [(&plain, false), (&numbered, true), (&numbered, true)] {
        let producer = world.client.producer().idempotence(idempotent).build().unwrap();
        for time in [7_000, 9_000, 8_000] {
            producer.send(to(topic).value("v").timestamp(Timestamp(time))).await.unwrap();
        }
        producer.close().await.unwrap();
    }
    let remembered = world.admin().describe_producers([(&*plain, 0), (&*numbered, 0)]).await;
    assert!(remembered[0].as_ref().unwrap().is_empty());
    let producers = remembered[1].as_ref().unwrap();
    assert_eq!(producers.len(), 2);
    assert_ne!(producers[0].id, producers[1].id);
    for producer in producers {
        assert_eq!((producer.epoch, producer.last_sequence.unwrap().get()), (0, 2));
        assert_eq!(producer.last_timestamp, Some(Timestamp(8_000)));
        assert_eq!((producer.coordinator_epoch, producer.transaction_start), (None, None));
    }
    world.end().await;
}

/// Kafka: `compression.type` of a topic.
#[tokio::test]
async fn a_topic_with_a_codec_of_its_own_is_stored_in_that() {
    let world = World::new().await;
    for (wanted, stored) in [
        ("producer", Compression::Gzip),
        ("uncompressed", Compression::None),
        ("gzip", Compression::Gzip),
        ("snappy", Compression::Snappy),
        ("lz4", Compression::Lz4),
        ("zstd", Compression::Zstd),
    ] {
        let topic =
            world.topic_with(wanted, |topic| topic.config("compression.type", wanted)).await;
        let producer = world.client.producer().compression(Compression::Gzip).build().unwrap();
        let sent = producer.topic(&topic);
        for number in 0..200 {
            sent.enqueue(Record::new().key("k").value(value(number)).header("h", "v"))
                .await
                .unwrap();
        }
        producer.close().await.unwrap();
        let found = readback::codecs(&mut world.raw().await, &topic, 0).await;
        assert!(!found.is_empty() && found.iter().all(|found| *found == stored), "{found:?}");
        for (number, record) in (0..).zip(world.read(&topic, 200).await) {
            assert_eq!(record.value.unwrap(), value(number), "{wanted} {number}");
            assert_eq!((record.key.unwrap(), record.headers.len()), (Bytes::from("k"), 1));
        }
    }
    world.end().await;
}

/// Kafka: `message.timestamp.type=LogAppendTime`.
#[tokio::test]
async fn a_topic_in_log_append_time_has_the_brokers_time_and_tells_it() {
    let world = World::new().await;
    let stamped = |topic: ottla::NewTopic| topic.config("message.timestamp.type", "LogAppendTime");
    for codec in [Compression::None, Compression::Lz4] {
        let topic = world.topic_with("stamped", stamped).await;
        let producer = world.client.producer().compression(codec).build().unwrap();
        let metadata = producer.send(to(&topic).value("v").timestamp(Timestamp(5))).await.unwrap();
        producer.close().await.unwrap();
        let consumer = world.consumer();
        consumer.assign([(&*topic, 0, metadata.offset.unwrap())]).unwrap();
        let record = take(&consumer, 1).await.remove(0);
        assert_eq!(record.timestamp_type, TimestampType::LogAppendTime);
        assert_eq!(record.timestamp, metadata.timestamp, "{codec}");
        assert!(record.timestamp.0 > 1_500_000_000_000, "not the producer's: {record:?}");
        let since = consumer.offsets_for_times([((&*topic, 0), record.timestamp)]).await.unwrap();
        let since = since.into_values().next().unwrap().unwrap();
        assert_eq!((since.offset, since.timestamp), (record.offset, record.timestamp), "{codec}");
        consumer.close().await;
    }
    world.end().await;
}

#[tokio::test]
async fn keyed_records_go_where_javas_producer_puts_them() {
    let world = World::new().await;
    let topic = world.topic_with("keyed", |topic| topic.partitions(7)).await;
    let producer = world.producer();
    // murmur2 of the key, without its sign, modulo 7: as `kafka-console-producer` does
    let keys = [("ann", 0), ("bob", 5), ("emil", 4), ("cid", 3), ("", 2), ("\u{fc}", 0)];
    for (key, partition) in keys {
        let metadata = producer.send(Record::to(&topic).key(key).value("v")).await.unwrap();
        assert_eq!(metadata.partition, PartitionIndex(partition), "{key}");
    }
    producer.close().await.unwrap();
    world.end().await;
}
