use bytes::BytesMut;
use futures::FutureExt;
use ottla_protocol::ids::{ProducerEpoch, ProducerId, Sequence};
use ottla_protocol::record::{
    BatchBuilder, BatchHeader, CheckedBatch, Compression, Compressor, ProducerStamp, split_batches,
};

use super::*;
use crate::log::config::CompressionType;
use crate::log::disk::MemoryDisk;
use crate::log::disk::testing::UnrulyDisk;
use crate::replica::append_error::RecordFault;
use crate::replica::waiters::FetchWaiter;

pub(super) const NOW: i64 = 1_000_000_000_000;

const RULES: ProduceRules = ProduceRules { version: 12, all_in_sync: true, now_ms: NOW };

/// A batch as a client sends it: the timestamps of its records, the rest is made up.
pub(super) struct Sent {
    pub(super) times: Vec<i64>,
    pub(super) keys: bool,
    pub(super) codec: Compression,
    pub(super) stamp: Option<(i64, i16, i32)>,
}

impl Default for Sent {
    fn default() -> Self {
        Self { times: vec![NOW, NOW + 1], keys: true, codec: Compression::None, stamp: None }
    }
}

impl Sent {
    pub(super) fn bytes(&self) -> BytesMut {
        let mut batch = BatchBuilder::new(BytesMut::new());
        for (i, time) in self.times.iter().enumerate() {
            let value = format!("value {i} {}", "x".repeat(100));
            let key = self.keys.then_some(&b"key"[..]);
            batch.append(Timestamp(*time), key, Some(value.as_bytes()), &[]).unwrap();
        }
        let stamp = self.stamp.map(|(id, epoch, first)| ProducerStamp {
            id: ProducerId(id),
            epoch: ProducerEpoch(epoch),
            first: Sequence::new(first).unwrap(),
            transactional: false,
        });
        batch.seal(self.codec, &mut Compressor::default(), stamp).unwrap().bytes
    }
}

pub(super) fn open_on(disk: Arc<dyn Disk>, config: LogConfig) -> Arc<Partition> {
    let place = ("t", PartitionIndex(0));
    let args = OpenArgs { now_ms: NOW, ..OpenArgs::default() };
    let (partition, _) = Partition::open(disk, "t-0", place, config, &args).unwrap();
    partition.make_leader(LeaderEpoch(5), 1, 1).unwrap();
    Arc::new(partition)
}

fn open(change: impl FnOnce(&mut LogConfig)) -> Arc<Partition> {
    let mut config = LogConfig::default();
    change(&mut config);
    open_on(Arc::new(MemoryDisk::new()), config)
}

pub(super) fn produce(
    partition: &Arc<Partition>,
    batch: BytesMut,
) -> Result<Appended, AppendError> {
    let batch = partition.prepare(batch.freeze(), &RULES, &mut Codecs::default())?;
    partition.append(&batch, &RULES)
}

pub(super) fn read_all(partition: &Partition, from: i64) -> Vec<CheckedBatch> {
    let mut out = BytesMut::new();
    partition.read(from, u32::MAX, true, &mut out).unwrap();
    split_batches(out.freeze()).map(|batch| CheckedBatch::check(batch.unwrap()).unwrap()).collect()
}

/// A change to the bytes of a good batch, after which the checksum is made anew.
fn patched(at: usize, bytes: &[u8]) -> BytesMut {
    let mut batch = Sent::default().bytes();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch
}

#[test]
fn batches_get_their_place_and_come_back_as_they_were() {
    let partition = open(|_| ());
    let mut sent = Vec::new();
    for codec in Compression::ALL {
        let batch = Sent { codec, ..Sent::default() }.bytes();
        let appended = produce(&partition, batch.clone()).unwrap();
        assert_eq!(appended.base_offset.get(), i64::try_from(sent.len()).unwrap() * 2);
        assert_eq!((appended.duplicate, appended.log_append_time), (false, None));
        sent.push(batch);
    }
    let found = read_all(&partition, 0);
    assert_eq!(found.len(), 5);
    for (n, (found, sent)) in found.iter().zip(&sent).enumerate() {
        assert_eq!(found.header().base_offset, i64::try_from(n).unwrap() * 2);
        assert_eq!(found.header().partition_leader_epoch, Some(LeaderEpoch(5)));
        assert_eq!(found.bytes()[16..], sent[16..], "nothing else has changed");
    }
}

#[test]
fn what_is_wrong_with_a_batch_is_refused_by_kafkas_code() {
    let codes: [(&str, BytesMut, ErrorCode); 16] = [
        ("nothing", BytesMut::new(), ErrorCode::INVALID_RECORD),
        ("less than a header", patched(0, &[])[..60].into(), ErrorCode::INVALID_RECORD),
        ("a batch cut short", patched(0, &[])[..100].into(), ErrorCode::INVALID_RECORD),
        ("magic 1", patched(16, &[1]), ErrorCode::INVALID_RECORD),
        ("a length below a header's", patched(8, &[0, 0, 0, 9]), ErrorCode::CORRUPT_MESSAGE),
        (
            "two batches",
            [patched(0, &[]), patched(0, &[])].concat()[..].into(),
            ErrorCode::INVALID_RECORD,
        ),
        ("an offset of its own", patched(7, &[1]), ErrorCode::INVALID_RECORD),
        ("a count of 3 for 2 records", patched(60, &[3]), ErrorCode::INVALID_RECORD),
        ("no records", patched(57, &[0; 4]), ErrorCode::INVALID_RECORD),
        ("a count below zero", patched(57, &[255; 4]), ErrorCode::INVALID_RECORD),
        ("a control batch", patched(22, &[0x20]), ErrorCode::INVALID_RECORD),
        ("a transaction", patched(22, &[0x10]), ErrorCode::INVALID_TXN_STATE),
        ("a time stamp of the broker's", patched(22, &[0x08]), ErrorCode::INVALID_TIMESTAMP),
        ("codec 7", patched(22, &[7]), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE),
        ("a producer without sequence", patched(43, &[0; 10]), ErrorCode::INVALID_RECORD),
        ("gzip that is none", patched(22, &[1]), ErrorCode::INVALID_RECORD),
    ];
    let partition = open(|_| ());
    for (what, batch, code) in codes {
        let refused = produce(&partition, batch).unwrap_err();
        assert_eq!(refused.code(), code, "{what}: {refused}");
    }
    let mut flipped = Sent::default().bytes();
    flipped[90] ^= 1;
    assert_eq!(produce(&partition, flipped).unwrap_err().code(), ErrorCode::CORRUPT_MESSAGE);
    assert_eq!(partition.offsets().log_end, Offset::ZERO, "nothing was appended");
}

#[test]
fn a_record_that_lies_is_named() {
    let partition = open(|_| ());
    let mut batch = Sent::default().bytes();
    batch[61] = 0x02; // the first record says it is 1 byte long
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    let refused = produce(&partition, batch).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::INVALID_RECORD);
    assert!(matches!(refused.record_faults(), [RecordFault { index: 0, .. }]), "{refused:?}");
}

#[test]
fn limits_hold_for_sizes_keys_and_times() {
    type Change = fn(&mut LogConfig);
    let day = 24 * 3_600_000;
    let times = |times: &[i64]| Sent { times: times.to_vec(), ..Sent::default() };
    let limits: [(&str, Change, Sent, ErrorCode, &[i32]); 6] = [
        (
            "larger than a message",
            |c| c.message_bytes_max = 200,
            times(&[NOW; 3]),
            ErrorCode::MESSAGE_TOO_LARGE,
            &[],
        ),
        (
            "larger than a segment",
            |c| c.segment_bytes = 200,
            times(&[NOW; 3]),
            ErrorCode::RECORD_LIST_TOO_LARGE,
            &[],
        ),
        (
            "no key where they are needed",
            |c| c.cleanup.compact = true,
            Sent { keys: false, ..Sent::default() },
            ErrorCode::INVALID_RECORD,
            &[0, 1],
        ),
        (
            "too far ahead",
            |_| (),
            times(&[NOW, NOW + 3_600_001, NOW + 3_600_000]),
            ErrorCode::INVALID_TIMESTAMP,
            &[1],
        ),
        (
            "too far back",
            |c| c.timestamp_before_max_ms = 1_000,
            times(&[NOW - 1_001, NOW]),
            ErrorCode::INVALID_TIMESTAMP,
            &[0],
        ),
        (
            "a bomb",
            |c| c.message_bytes_max = 400,
            Sent { codec: Compression::Gzip, ..times(&[NOW; 1_000]) },
            ErrorCode::MESSAGE_TOO_LARGE,
            &[],
        ),
    ];
    for (what, change, sent, code, records) in limits {
        let refused = produce(&open(change), sent.bytes()).unwrap_err();
        assert_eq!(refused.code(), code, "{what}: {refused}");
        let indexes: Vec<_> = refused.record_faults().iter().map(|fault| fault.index).collect();
        assert_eq!(indexes, records, "{what}");
    }
    for (what, sent) in [
        ("old records", times(&[NOW - 3_650 * day])),
        ("records without a time", times(&[-1, -1])),
        ("records out of order", times(&[NOW, NOW - day, NOW - 1])),
        ("no key", Sent { keys: false, ..Sent::default() }),
    ] {
        assert!(produce(&open(|_| ()), sent.bytes()).is_ok(), "{what}");
    }
}

#[test]
fn zstd_needs_produce_7() {
    let partition = open(|_| ());
    let batch = Sent { codec: Compression::Zstd, ..Sent::default() }.bytes().freeze();
    for (version, code) in [(6, Some(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE)), (7, None)] {
        let rules = ProduceRules { version, ..RULES };
        let prepared = partition.prepare(batch.clone(), &rules, &mut Codecs::default());
        assert_eq!(prepared.err().map(|e| e.code()), code);
    }
}

#[test]
fn the_brokers_time_replaces_the_producers_and_the_checksum_fits() {
    let partition = open(|c| c.timestamp_type = TimestampType::LogAppendTime);
    let sent = Sent { times: vec![5, NOW + 90 * 3_600_000], ..Sent::default() };
    let appended = produce(&partition, sent.bytes()).unwrap();
    assert_eq!(appended.log_append_time, Some(Timestamp(NOW)));
    let found = &read_all(&partition, 0)[0];
    assert!(found.header().is_log_append_time());
    assert_eq!(found.header().max_timestamp, Timestamp(NOW));
}

#[test]
fn a_wrong_largest_timestamp_is_put_right() {
    let partition = open(|_| ());
    produce(&partition, patched(35, &7_i64.to_be_bytes())).unwrap();
    assert_eq!(read_all(&partition, 0)[0].header().max_timestamp, Timestamp(NOW + 1));
}

#[test]
fn the_topics_codec_replaces_the_producers() {
    use CompressionType::{Gzip, Uncompressed};
    for (setting, codec) in [(Gzip, Compression::Gzip), (Uncompressed, Compression::None)] {
        let partition = open(|c| c.compression = setting);
        for sent in [Compression::None, Compression::Gzip] {
            let stamp = Some((4, 0, if sent == Compression::None { 0 } else { 2 }));
            produce(&partition, Sent { codec: sent, stamp, ..Sent::default() }.bytes()).unwrap();
        }
        for batch in read_all(&partition, 0) {
            let header: &BatchHeader = batch.header();
            assert_eq!(header.compression(), Some(codec));
            assert_eq!((header.producer_id, header.records_count), (Some(ProducerId(4)), 2));
        }
    }
}

#[test]
fn offsets_that_do_not_count_up_are_put_right() {
    let mut batch = Sent::default().bytes();
    assert_eq!(batch[61 + 4], 0, "the offset delta of the first record");
    batch[61 + 4] = 4;
    let crc = crc32c::crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    let partition = open(|_| ());
    produce(&partition, batch).unwrap();
    assert_eq!(read_all(&partition, 0)[0].bytes()[16..], Sent::default().bytes()[16..]);
}

#[test]
fn a_retry_is_answered_with_the_offsets_it_has() {
    let partition = open(|_| ());
    let batch = |first| Sent { stamp: Some((9, 0, first)), ..Sent::default() }.bytes();
    let first = produce(&partition, batch(0)).unwrap();
    produce(&partition, batch(2)).unwrap();
    let again = produce(&partition, batch(0)).unwrap();
    assert_eq!(again, Appended { duplicate: true, ..first });
    let gap = produce(&partition, batch(6)).unwrap_err();
    assert_eq!(gap.code(), ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    let older = Sent { stamp: Some((9, 1, 0)), ..Sent::default() }.bytes();
    produce(&partition, older).unwrap();
    let fenced = produce(&partition, batch(4)).unwrap_err();
    assert_eq!(fenced.code(), ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(partition.offsets().log_end.get(), 6);
}

#[test]
fn reads_are_bounded_by_bytes_and_by_the_high_watermark() {
    let partition = open(|_| ());
    let size = Sent::default().bytes().len();
    for _ in 0..3 {
        produce(&partition, Sent::default().bytes()).unwrap();
    }
    let read = |offset, bytes_max, at_least_one| {
        let mut out = BytesMut::from("before");
        let result = partition.read(offset, bytes_max, at_least_one, &mut out);
        result.map(|result| {
            assert_eq!(out.len(), 6 + result.bytes);
            assert_eq!(out[..6], *b"before");
            result.bytes
        })
    };
    let part = u32::try_from(size / 2).unwrap();
    for (rule, offset, bytes_max, at_least_one, found) in [
        ("everything", 0, u32::MAX, false, Ok(3 * size)),
        ("a batch is found by any of its offsets", 3, u32::MAX, false, Ok(2 * size)),
        ("the first batch whole", 0, 1, true, Ok(size)),
        ("but only if asked, and nothing of it else", 0, part, false, Ok(0)),
        ("nothing for nothing", 0, 0, false, Ok(0)),
        ("nothing at the end", 6, u32::MAX, true, Ok(0)),
        ("out of range behind the end", 7, u32::MAX, true, Err(ErrorCode::OFFSET_OUT_OF_RANGE)),
        ("and below zero", -1, u32::MAX, true, Err(ErrorCode::OFFSET_OUT_OF_RANGE)),
    ] {
        assert_eq!(read(offset, bytes_max, at_least_one), found, "{rule}");
    }
}

#[test]
fn what_is_not_in_sync_yet_is_not_read() {
    let partition = open(|_| ());
    produce(&partition, Sent::default().bytes()).unwrap();
    partition.make_leader(LeaderEpoch(6), 2, 3).unwrap(); // a second replica is in sync
    produce(&partition, Sent::default().bytes()).unwrap();
    let offsets = partition.offsets();
    assert_eq!((offsets.high_watermark.get(), offsets.log_end.get()), (2, 4));
    assert_eq!(read_all(&partition, 0).len(), 1);
    assert!(read_all(&partition, 3).is_empty(), "above the high watermark: nothing, no error");
    partition.make_leader(LeaderEpoch(7), 1, 3).unwrap();
    assert_eq!(read_all(&partition, 0).len(), 2);
}

#[test]
fn too_few_replicas_refuse_acks_all_only() {
    let partition = open(|c| c.replicas_in_sync_min = 2);
    produce(&partition, Sent::default().bytes()).unwrap(); // it has only one replica
    partition.make_leader(LeaderEpoch(6), 1, 3).unwrap();
    let refused = produce(&partition, Sent::default().bytes()).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NOT_ENOUGH_REPLICAS);
    let rules = ProduceRules { all_in_sync: false, ..RULES };
    let batch = Sent::default().bytes().freeze();
    let batch = partition.prepare(batch, &rules, &mut Codecs::default()).unwrap();
    partition.append(&batch, &rules).unwrap();
}

#[test]
fn an_append_wakes_the_fetch_that_waits_for_it_and_a_retry_does_not() {
    let partition = open(|_| ());
    let batch = Sent { stamp: Some((1, 0, 0)), ..Sent::default() }.bytes();
    produce(&partition, batch.clone()).unwrap();
    let fetch = FetchWaiter::register(batch.len(), vec![Arc::clone(&partition)]);
    produce(&partition, batch).unwrap();
    assert!(fetch.ready().now_or_never().is_none());
    produce(&partition, Sent { stamp: Some((1, 0, 2)), ..Sent::default() }.bytes()).unwrap();
    assert!(fetch.ready().now_or_never().is_some());
    let fetch = FetchWaiter::register(usize::MAX, vec![Arc::clone(&partition)]);
    partition.resign();
    assert!(fetch.ready().now_or_never().is_some());
    let refused = produce(&partition, Sent::default().bytes()).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NOT_LEADER_OR_FOLLOWER);
}

#[test]
fn offsets_are_found_by_time() {
    let partition = open(|c| (c.index_interval_bytes, c.segment_bytes) = (0, 2_000));
    for n in 0..20 {
        let times = vec![NOW + n * 10, NOW + n * 10 + 5];
        let codec = if n % 2 == 0 { Compression::None } else { Compression::Gzip };
        produce(&partition, Sent { times, codec, ..Sent::default() }.bytes()).unwrap();
    }
    let find = |query| {
        let found = partition.list_offset(query, false, &mut Codecs::default()).unwrap();
        (found.offset.map(Offset::get), found.timestamp.map(|time| time.0 - NOW))
    };
    let since = |time| find(OffsetQuery::AtOrAfter(Timestamp(NOW + time)));
    assert_eq!(find(OffsetQuery::Earliest), (Some(0), None));
    assert_eq!(find(OffsetQuery::Latest), (Some(40), None));
    assert_eq!(find(OffsetQuery::MaxTimestamp), (Some(39), Some(195)));
    for (time, found) in [
        (-1_000, (Some(0), Some(0))),
        (1, (Some(1), Some(5))),
        (10, (Some(2), Some(10))),
        (101, (Some(21), Some(105))),
        (195, (Some(39), Some(195))),
        (196, (None, None)),
    ] {
        assert_eq!(since(time), found, "{time}");
    }
}

#[test]
fn a_batch_that_cannot_be_read_is_not_passed_over_by_a_look_for_a_time() {
    for codec in [Compression::None, Compression::Gzip] {
        let disk = MemoryDisk::new();
        let partition = open_on(Arc::new(disk.clone()), LogConfig::default());
        let [first, second] = [NOW, NOW + 10]
            .map(|time| Sent { times: vec![time], codec, ..Sent::default() }.bytes());
        let end = u64::try_from(first.len()).unwrap();
        for batch in [first, second.clone()] {
            produce(&partition, batch).unwrap();
        }
        let find = |time| {
            let query = OffsetQuery::AtOrAfter(Timestamp(NOW + time));
            partition.list_offset(query, false, &mut Codecs::default()).map(|found| found.offset)
        };
        assert_eq!(find(0), Ok(Some(Offset::ZERO)));
        let file = disk.open("t-0/00000000000000000000.log", false).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        assert_eq!(file.read_at(0, &mut bytes).unwrap(), bytes.len());
        bytes[usize::try_from(end).unwrap() - 1] ^= 1;
        file.truncate(0).unwrap();
        file.append(&[&bytes]).unwrap();
        assert_eq!(find(0), Err(ErrorCode::CORRUPT_MESSAGE), "{codec}");
        assert_eq!(find(1), Ok(Offset::new(1)), "{codec}: the one behind it is whole");
    }
}

#[test]
fn epochs_fence_and_end() {
    let partition = open(|_| ());
    produce(&partition, Sent::default().bytes()).unwrap();
    partition.make_leader(LeaderEpoch(8), 1, 1).unwrap();
    for (given, found) in [
        (None, Ok(LeaderEpoch(8))),
        (Some(8), Ok(LeaderEpoch(8))),
        (Some(7), Err(ErrorCode::FENCED_LEADER_EPOCH)),
        (Some(9), Err(ErrorCode::UNKNOWN_LEADER_EPOCH)),
    ] {
        assert_eq!(partition.check_epoch(given.map(LeaderEpoch)), found);
    }
    let end = partition.end_offset_for(LeaderEpoch(6)).unwrap();
    assert_eq!((end.0, end.1.get()), (LeaderEpoch(5), 2));
}

#[test]
fn a_failed_write_ends_the_replica_until_it_is_opened_again() {
    let disk = UnrulyDisk::default();
    let partition = open_on(Arc::new(disk.clone()), LogConfig::default());
    produce(&partition, Sent::default().bytes()).unwrap();
    disk.fail_writes(true);
    let failed = produce(&partition, Sent::default().bytes()).unwrap_err();
    assert_eq!(failed.code(), ErrorCode::KAFKA_STORAGE_ERROR);
    disk.fail_writes(false);
    for code in [
        produce(&partition, Sent::default().bytes()).unwrap_err().code(),
        partition.read(0, 100, true, &mut BytesMut::new()).unwrap_err(),
        partition.list_offset(OffsetQuery::Latest, false, &mut Codecs::default()).unwrap_err(),
    ] {
        assert_eq!(code, ErrorCode::KAFKA_STORAGE_ERROR);
    }
    assert!(partition.close().is_err() && partition.sync().is_err());
    assert!(partition.start_sync(Box::new(|_| ())).is_err());
    assert!(partition.checkpoint().is_err());
    let partition = open_on(Arc::new(disk), LogConfig::default());
    assert_eq!(partition.offsets().log_end.get(), 2, "the torn tail is cut");
    assert_eq!(read_all(&partition, 0).len(), 1);
}
