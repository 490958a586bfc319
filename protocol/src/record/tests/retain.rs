//! Batches of which some records stay.

use super::*;
use crate::ids::{LeaderEpoch, Offset};

fn batch_of(records: &[Owned], codec: Compression, stamp: Option<ProducerStamp>) -> CheckedBatch {
    let mut batch = BatchBuilder::new(BytesMut::new());
    for (timestamp, key, value, headers) in records {
        let header = |(key, value): &(String, Option<Vec<u8>>)| Header {
            key: key.as_str().into(),
            value: value.clone().map(Bytes::from),
        };
        let headers: Vec<Header> = headers.iter().map(header).collect();
        batch.append(Timestamp(*timestamp), key.as_deref(), value.as_deref(), &headers).unwrap();
    }
    let mut bytes = batch.seal(codec, &mut Compressor::default(), stamp).unwrap().bytes;
    assign_offsets(&mut bytes, Offset::new(1_000).unwrap(), Some(LeaderEpoch(4)));
    CheckedBatch::check(bytes.freeze()).unwrap()
}

/// All that a record says.
fn told(batch: &CheckedBatch) -> Vec<(i32, Owned)> {
    let block = RecordBlock::open(batch, &mut Decompressor::default(), LIMIT).unwrap();
    let told = |record: RecordRef<'_>| {
        let headers = record.headers().map(|h| (h.key.into_owned(), h.value.map(<[u8]>::to_vec)));
        let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
        (record.offset_delta, (record.timestamp.0, key, value, headers.collect()))
    };
    block.records().map(|record| told(record.unwrap())).collect()
}

proptest! {
    #[test]
    fn what_is_kept_says_what_it_said(
        records in vec((0_i64..1 << 45, of(vec(any::<u8>(), 0..40)), of(vec(any::<u8>(), 0..40)),
            vec(("[a-z]{0,4}", of(vec(any::<u8>(), 0..9))), 0..3)), 1..12),
        kept in vec(any::<bool>(), 12),
        horizon in of(0_i64..1 << 45),
    ) {
        for codec in codecs() {
            let before = batch_of(&records, codec, Some(STAMP));
            let block = RecordBlock::open(&before, &mut Decompressor::default(), LIMIT).unwrap();
            let keep = |delta: i32| kept[usize::try_from(delta).unwrap()];
            let after = retain(
                &block,
                &mut |record| keep(record.offset_delta),
                horizon.map(Timestamp),
                &mut Compressor::default(),
            ).unwrap();
            let mut expected = told(&before);
            expected.retain(|(delta, _)| keep(*delta));
            let Some(after) = after else {
                prop_assert!(expected.is_empty());
                continue;
            };
            let after = CheckedBatch::check(after.freeze()).unwrap();
            prop_assert_eq!(told(&after), expected.clone());
            let (old, new) = (*before.header(), *after.header());
            prop_assert_eq!(new.delete_horizon(), horizon.map(Timestamp));
            prop_assert_eq!(new.max_timestamp.0, expected.iter().map(|(_, r)| r.0).max().unwrap());
            prop_assert_eq!(new.records_count, i32::try_from(expected.len()).unwrap());
            let same = BatchHeader {
                batch_length: old.batch_length,
                crc: old.crc,
                attributes: old.attributes,
                base_timestamp: old.base_timestamp,
                max_timestamp: old.max_timestamp,
                records_count: old.records_count,
                ..new
            };
            prop_assert_eq!(same, old);
        }
    }
}

#[test]
fn a_batch_without_records_keeps_its_place() {
    let before =
        batch_of(&[record(5, "a", "b"), record(9, "c", "d")], Compression::None, Some(STAMP));
    let empty = CheckedBatch::check(emptied(before.header()).freeze()).unwrap();
    assert_eq!((empty.bytes().len(), empty.header().records_count), (HEADER_SIZE, 0));
    assert!(told(&empty).is_empty());
    let (old, new) = (before.header(), empty.header());
    assert_eq!(new.last_offset(), old.last_offset());
    assert_eq!((new.producer_id, new.base_sequence), (old.producer_id, old.base_sequence));
    assert_eq!((new.max_timestamp, new.delete_horizon()), (Timestamp(9), None));
}

#[test]
fn a_delete_horizon_is_set_once_and_the_append_time_stays() {
    let before = batch_of(&[record(5, "a", "b"), record(9, "c", "d")], Compression::None, None);
    let mut bytes = before.bytes().to_vec();
    let (header, records) = bytes.split_first_chunk_mut().unwrap();
    set_timestamps(header, records, Timestamp(70), true);
    let stamped = CheckedBatch::check(bytes.into()).unwrap();
    let mut dated = stamped.clone();
    for (wanted, found) in [(None, None), (Some(100), Some(100)), (Some(200), Some(100))] {
        let block = RecordBlock::open(&dated, &mut Decompressor::default(), LIMIT).unwrap();
        let after =
            retain(&block, &mut |_| true, wanted.map(Timestamp), &mut Compressor::default());
        dated = CheckedBatch::check(after.unwrap().unwrap().freeze()).unwrap();
        assert_eq!(dated.header().delete_horizon(), found.map(Timestamp));
        assert!(dated.header().is_log_append_time());
        assert_eq!((dated.header().max_timestamp, told(&dated)), (Timestamp(70), told(&stamped)));
    }
}
