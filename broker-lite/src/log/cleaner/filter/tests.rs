use bytes::Bytes;
use ottla_protocol::ids::{CoordinatorEpoch, LeaderEpoch, ProducerEpoch, Sequence};
use ottla_protocol::record::{
    BatchBuilder, Compression, EndTxnMarker, ProducerStamp, assign_offsets,
};

use super::super::transactions::{Aborted, Finder};
use super::*;
use crate::log::testing::offset;

const NOW: i64 = 1_000_000;

/// Key, value, timestamp.
type Record<'a> = (Option<&'a str>, Option<&'a str>, i64);

fn stamp(id: i64, transactional: bool) -> ProducerStamp {
    let (epoch, first) = (ProducerEpoch(3), Sequence::new(40).unwrap());
    ProducerStamp { id: ProducerId(id), epoch, first, transactional }
}

fn batch_as(
    base: i64,
    records: &[Record<'_>],
    codec: Compression,
    stamp: Option<ProducerStamp>,
) -> CheckedBatch {
    let mut batch = BatchBuilder::new(BytesMut::new());
    for (key, value, timestamp) in records {
        let (key, value) = (key.map(str::as_bytes), value.map(str::as_bytes));
        batch.append(Timestamp(*timestamp), key, value, &[]).unwrap();
    }
    placed(batch.seal(codec, &mut Compressor::default(), stamp).unwrap().bytes, base)
}

fn placed(mut batch: BytesMut, base: i64) -> CheckedBatch {
    assign_offsets(&mut batch, offset(base), Some(LeaderEpoch(6)));
    CheckedBatch::check(batch.freeze()).unwrap()
}

fn batch(base: i64, records: &[Record<'_>]) -> CheckedBatch {
    batch_as(base, records, Compression::None, None)
}

fn marker(base: i64, id: i64, committed: bool) -> CheckedBatch {
    let marker = EndTxnMarker { committed, coordinator_epoch: CoordinatorEpoch(1) };
    placed(marker.batch(ProducerId(id), ProducerEpoch(3), Timestamp(5)).unwrap(), base)
}

/// What was noted of the dirty part, and what happened to transactions.
struct Given {
    keys: KeyMap,
    producers: BTreeMap<ProducerId, LastOf>,
    transactions: Transactions,
    end: i64,
    now_ms: i64,
}

impl Given {
    fn new(keys: &[(&str, i64)], end: i64) -> Self {
        let mut map = KeyMap::new(1 << 16, 100);
        for (key, at) in keys {
            map.put(key.as_bytes(), offset(*at)).unwrap();
        }
        map.reach(offset(end));
        let transactions = Transactions::new(&[], offset(0));
        Self { keys: map, producers: BTreeMap::new(), transactions, end: 1_000, now_ms: NOW }
    }

    fn clean(&mut self, batch: &CheckedBatch) -> Outcome {
        let rules = Rules {
            keys: &self.keys,
            producers: &self.producers,
            end: offset(self.end),
            now_ms: self.now_ms,
            delete_retention_ms: 100,
        };
        clean(batch, &rules, &mut self.transactions, &mut Codecs::new(&LogConfig::default()))
            .unwrap()
    }
}

fn written(outcome: Outcome) -> CheckedBatch {
    let Outcome::Write(bytes) = outcome else { panic!("{outcome:?}") };
    CheckedBatch::check(bytes.freeze()).unwrap()
}

fn records(batch: &CheckedBatch) -> Vec<(i64, Option<Bytes>, Option<Bytes>, i64)> {
    let block = RecordBlock::open(batch, &mut Decompressor::default(), 1 << 20).unwrap();
    let owned = |part: Option<&[u8]>| part.map(Bytes::copy_from_slice);
    let record = |record: RecordRef<'_>| {
        (record.offset.get(), owned(record.key), owned(record.value), record.timestamp.0)
    };
    block.records().map(|r| record(r.unwrap())).collect()
}

#[test]
fn of_a_key_the_newest_record_stays_and_everything_about_it() {
    for codec in Compression::ALL.into_iter().filter(|codec| codec.is_built_in()) {
        let all =
            [(Some("a"), Some("1"), 50), (Some("b"), Some("2"), 70), (Some("c"), Some("3"), 60)];
        let before = batch_as(10, &all, codec, Some(stamp(9, false)));
        let mut given = Given::new(&[("a", 13), ("b", 11), ("c", 20)], 30);
        let after = written(given.clean(&before));
        assert_eq!(records(&after), [records(&before)[1].clone()], "{codec}");
        let (old, new) = (*before.header(), *after.header());
        assert_eq!((new.base_offset, new.last_offset()), (10, Some(offset(12))));
        assert_eq!((new.producer_id, new.base_sequence), (old.producer_id, old.base_sequence));
        assert_eq!(new.partition_leader_epoch, Some(LeaderEpoch(6)));
        assert_eq!(new.compression(), Some(codec));
        assert_eq!((new.max_timestamp, new.records_count), (Timestamp(70), 1));
        let mut given = Given::new(&[("a", 10), ("b", 11), ("c", 12)], 30);
        assert_eq!(given.clean(&before), Outcome::Keep);
    }
}

#[test]
fn what_lies_behind_the_keys_that_are_known_stays() {
    let before = batch(10, &[(Some("a"), Some("1"), 50), (Some("a"), Some("2"), 50)]);
    assert_eq!(Given::new(&[], 10).clean(&before), Outcome::Keep);
    assert_eq!(records(&written(Given::new(&[("a", 11)], 12).clean(&before))).len(), 1);
}

#[test]
fn a_record_without_a_key_goes() {
    let before = batch(10, &[(None, Some("1"), 50), (Some("b"), Some("2"), 50)]);
    assert_eq!(records(&written(Given::new(&[], 30).clean(&before)))[0].0, 11);
    assert_eq!(Given::new(&[], 30).clean(&batch(10, &[(None, Some("1"), 50)])), Outcome::Drop);
}

#[test]
fn a_tombstone_gets_its_time_when_it_is_first_seen_and_goes_when_that_is_over() {
    let before = batch(10, &[(Some("a"), None, 50), (Some("b"), Some("2"), 70)]);
    let mut given = Given::new(&[("a", 10), ("b", 11)], 30);
    let dated = written(given.clean(&before));
    assert_eq!(dated.header().delete_horizon(), Some(Timestamp(NOW + 100)));
    assert_eq!(records(&dated), records(&before), "timestamps, too");
    assert_eq!(dated.header().max_timestamp, Timestamp(70));
    given.now_ms = NOW + 99;
    assert_eq!(given.clean(&dated), Outcome::Keep, "it keeps the time that it has");
    given.now_ms = NOW + 100;
    let after = written(given.clean(&dated));
    assert_eq!(records(&after), [records(&before)[1].clone()]);
    assert_eq!(after.header().delete_horizon(), Some(Timestamp(NOW + 100)));
}

#[test]
fn the_last_batch_of_a_producer_and_of_a_segment_stay_without_records() {
    let before =
        batch_as(10, &[(Some("a"), Some("1"), 50)], Compression::None, Some(stamp(9, false)));
    let mut given = Given::new(&[("a", 20)], 30);
    assert_eq!(given.clean(&before), Outcome::Drop);
    given.producers.insert(ProducerId(9), LastOf::Batch(offset(10)));
    let empty = written(given.clean(&before));
    let (old, new) = (*before.header(), *empty.header());
    assert_eq!((new.records_count, empty.bytes().len()), (0, 61));
    assert_eq!((new.base_offset, new.last_offset_delta), (10, 0));
    assert_eq!((new.producer_id, new.producer_epoch), (old.producer_id, old.producer_epoch));
    assert_eq!((new.base_sequence, new.max_timestamp), (old.base_sequence, old.max_timestamp));
    assert_eq!(written(given.clean(&empty)), empty, "and stays as it is");
    given.producers.insert(ProducerId(9), LastOf::Batch(offset(11)));
    assert_eq!(given.clean(&empty), Outcome::Drop, "until there is a newer one");
    given.end = 11;
    assert_eq!(written(given.clean(&before)).header().records_count, 0);
}

#[test]
fn what_was_aborted_goes_at_once_and_its_marker_when_it_marks_nothing() {
    let data = batch_as(10, &[(Some("a"), Some("1"), 50)], Compression::None, Some(stamp(9, true)));
    let end = marker(12, 9, false);
    let again =
        batch_as(13, &[(Some("a"), Some("2"), 50)], Compression::None, Some(stamp(9, true)));
    let committed = marker(14, 9, true);
    let mut finder = Finder::default();
    finder.on_data(data.header(), offset(10));
    assert!(finder.is_waiting());
    let abort = control_type(&end, &mut Codecs::new(&LogConfig::default())).unwrap();
    finder.on_control(end.header(), abort, offset(12));
    let found = Aborted { producer: ProducerId(9), first: offset(10), marker: offset(12) };
    let aborted = finder.finish();
    assert_eq!(aborted, [found]);
    let mut given = Given::new(&[("a", 13)], 30);
    given.transactions = Transactions::new(&aborted, offset(0));
    assert_eq!(given.clean(&data), Outcome::Drop);
    assert_eq!(given.clean(&end), Outcome::Keep, "there was something to mark until now");
    assert_eq!(given.clean(&again), Outcome::Keep);
    assert_eq!(given.clean(&committed), Outcome::Keep);
    // the next time
    given.transactions = Transactions::new(&[], offset(0));
    let dated = written(given.clean(&end));
    assert_eq!(dated.header().delete_horizon(), Some(Timestamp(NOW + 100)));
    given.now_ms = NOW + 100;
    given.producers.insert(ProducerId(9), LastOf::Marker(ProducerEpoch(3)));
    assert_eq!(given.clean(&dated), Outcome::Keep, "nothing else tells of its epoch");
    given.producers.insert(ProducerId(9), LastOf::Marker(ProducerEpoch(4)));
    assert_eq!(given.clean(&dated), Outcome::Drop);
    assert_eq!(given.clean(&again), Outcome::Keep);
    assert_eq!(given.clean(&committed), Outcome::Keep, "data of a committed transaction is there");
}

#[test]
fn keys_of_an_aborted_transaction_hide_nothing() {
    let found = Aborted { producer: ProducerId(9), first: offset(10), marker: offset(40) };
    let data = batch_as(10, &[(Some("a"), Some("1"), 50)], Compression::None, Some(stamp(9, true)));
    for (from, aborted) in [(0, true), (40, true), (41, false)] {
        let mut transactions = Transactions::new(&[found], offset(from));
        assert_eq!(transactions.on_data(data.header()), aborted, "{from}");
    }
}

#[test]
fn damaged_records_are_an_error() {
    let mut bytes = batch(10, &[(Some("a"), Some("1"), 50)]).into_bytes().to_vec();
    bytes[61] = 0x7f; // the length of its record
    let sum = ottla_protocol::record::checksum(&bytes).to_be_bytes();
    bytes[17..21].copy_from_slice(&sum);
    let damaged = CheckedBatch::check(bytes.into()).unwrap();
    let given = Given::new(&[], 30);
    let rules = Rules {
        keys: &given.keys,
        producers: &given.producers,
        end: offset(1),
        now_ms: 0,
        delete_retention_ms: 0,
    };
    let mut transactions = Transactions::new(&[], offset(0));
    let result =
        clean(&damaged, &rules, &mut transactions, &mut Codecs::new(&LogConfig::default()));
    assert!(matches!(result, Err(FilterError::Record(_))), "{result:?}");
}
