//! Batches as a whole: round trips here; known bytes and hostile bytes in the modules below.

mod hostile;
mod in_place;
mod known;
mod packed;
mod retain;

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::ids::{ProducerEpoch, ProducerId, Sequence, Timestamp};

/// The most bytes that a test lets records take.
const LIMIT: usize = 1 << 24;

/// Timestamp, key, value, headers.
type Owned = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

fn record(timestamp: i64, key: &str, value: &str) -> Owned {
    (timestamp, Some(key.into()), Some(value.into()), Vec::new())
}

fn codecs() -> impl Iterator<Item = Compression> {
    Compression::ALL.into_iter().filter(|codec| codec.is_built_in())
}

const STAMP: ProducerStamp = ProducerStamp {
    id: ProducerId(7),
    epoch: ProducerEpoch(3),
    first: match Sequence::new(i32::MAX) {
        Some(first) => first,
        None => Sequence::ZERO,
    },
    transactional: false,
};

fn append(batch: &mut BatchBuilder, (time, key, value, headers): &Owned) {
    let headers: Vec<_> = headers
        .iter()
        .map(|(key, value)| Header {
            key: key.as_str().into(),
            value: value.clone().map(Bytes::from),
        })
        .collect();
    let (before, index) = (batch.len(), batch.records());
    let appended = batch.append(Timestamp(*time), key.as_deref(), value.as_deref(), &headers);
    assert_eq!(appended, Ok(index));
    let bound = record_size_max(
        key.as_ref().map_or(0, Vec::len),
        value.as_ref().map_or(0, Vec::len),
        &headers,
    );
    assert!(batch.len() - before <= bound);
}

fn build(records: &[Owned], codec: Compression, stamp: Option<ProducerStamp>) -> BytesMut {
    let mut batch = BatchBuilder::new(BytesMut::new());
    for record in records {
        append(&mut batch, record);
    }
    batch.seal(codec, &mut Compressor::default(), stamp).unwrap().bytes
}

/// All that a reader sees of a batch, or what it complains about.
fn try_read(bytes: impl Into<Bytes>) -> Result<Vec<Owned>, String> {
    let batch = CheckedBatch::check(bytes.into()).map_err(|e| e.to_string())?;
    let block = RecordBlock::open(&batch, &mut Decompressor::default(), LIMIT);
    let block = block.map_err(|e| e.to_string())?;
    let owned = |record: Result<RecordRef<'_>, RecordError>| {
        let record = record.map_err(|e| e.to_string())?;
        assert_eq!(
            record.offset.get(),
            block.header().base_offset + i64::from(record.offset_delta)
        );
        let headers: Vec<_> = record
            .headers()
            .map(|header| (header.key.to_string(), header.value.map(<[u8]>::to_vec)))
            .collect();
        assert_eq!(headers.len(), record.headers().count_left());
        let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
        Ok((record.timestamp.0, key, value, headers))
    };
    let mut records = block.records();
    let read: Result<Vec<_>, String> = records.by_ref().map(owned).collect();
    assert!(read.is_err() || records.next().is_none());
    read
}

fn read(bytes: impl Into<Bytes>) -> Vec<Owned> {
    try_read(bytes).unwrap()
}

/// Records with null keys, empty values, repeated headers, and times that go to and fro.
fn records() -> impl Strategy<Value = Vec<Owned>> {
    let bytes = || of(vec(any::<u8>(), 0..200));
    let headers = vec(("\\PC{0,3}", bytes()), 0..4);
    let time = (-(1_i64 << 61)..1 << 61, 0_u32..62).prop_map(|(time, shift)| time >> shift);
    vec((time, bytes(), bytes(), headers), 1..40)
}

proptest! {
    #[test]
    fn records_come_back_as_they_were(records in records()) {
        for codec in codecs() {
            let bytes = build(&records, codec, Some(STAMP));
            let header = BatchHeader::parse(&bytes).unwrap();
            prop_assert_eq!(header.total_size(), bytes.len());
            prop_assert_eq!(header.compression(), Some(codec));
            prop_assert_eq!(header.producer_id, Some(STAMP.id));
            prop_assert_eq!(header.base_sequence, Some(STAMP.first));
            prop_assert_eq!(header.base_timestamp.0, records[0].0);
            prop_assert_eq!(header.max_timestamp.0, records.iter().map(|r| r.0).max().unwrap());
            let last = header.last_offset().unwrap().get();
            prop_assert_eq!(usize::try_from(last).unwrap(), records.len() - 1);
            prop_assert_eq!(read(bytes), records.clone());
        }
    }

    #[test]
    fn a_batch_splits_into_batches_of_the_same_records(records in records(), at in 0..40_usize) {
        let whole = CheckedBatch::check(build(&records, Compression::None, None).freeze()).unwrap();
        let block = RecordBlock::open(&whole, &mut Decompressor::default(), LIMIT).unwrap();
        let at = at.min(records.len() - 1);
        let mut halves = [BatchBuilder::new(BytesMut::new()), BatchBuilder::new(BytesMut::new())];
        for (index, record) in block.records().enumerate() {
            halves[usize::from(index >= at)].append_ref(&record.unwrap()).unwrap();
        }
        let again = halves.into_iter().filter(|half| !half.is_empty()).flat_map(|half| {
            read(half.seal(Compression::None, &mut Compressor::default(), None).unwrap().bytes)
        });
        prop_assert_eq!(again.collect::<Vec<_>>(), records);
    }

    #[test]
    fn reading_goes_on_where_it_stopped(records in records(), at in 0..40_usize) {
        let whole = CheckedBatch::check(build(&records, Compression::None, None).freeze()).unwrap();
        let block = RecordBlock::open(&whole, &mut Decompressor::default(), LIMIT).unwrap();
        let mut first = block.records();
        let seen = first.by_ref().take(at).count();
        let (position, index) = first.position(&block);
        prop_assert_eq!(usize::try_from(index).unwrap(), seen);
        let rest = block.records_from(position, index).map(|r| r.unwrap().offset_delta);
        let expected = i32::try_from(seen).unwrap()..i32::try_from(records.len()).unwrap();
        prop_assert_eq!(rest.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_record_that_does_not_fit_leaves_the_batch_as_it_was() {
    let mut batch = BatchBuilder::new(BytesMut::new());
    append(&mut batch, &record(i64::MIN, "k", "v"));
    let before = batch.len();
    let refused = batch.append(Timestamp(1), None, None, &[]);
    assert_eq!(refused, Err(AppendError::TimestampRange(Timestamp(i64::MIN), Timestamp(1))));
    assert_eq!((batch.len(), batch.records()), (before, 1));
    append(&mut batch, &record(-1, "k", "w"));
    assert_eq!(batch.max_timestamp(), Timestamp(-1));
    let sealed = batch.seal(Compression::None, &mut Compressor::default(), None).unwrap();
    assert_eq!(read(sealed.bytes), [record(i64::MIN, "k", "v"), record(-1, "k", "w")]);
}

#[test]
fn a_batch_within_its_buffer_never_moves() {
    let mut buffer = BytesMut::with_capacity(16 << 10);
    let (start, capacity) = (buffer.as_ptr(), buffer.capacity());
    for _ in 0..3 {
        let mut batch = BatchBuilder::new(buffer);
        while batch.len() + record_size_max(8, 100, &[]) <= capacity {
            batch.append(Timestamp(1), Some(b"12345678"), Some(&[7; 100]), &[]).unwrap();
        }
        buffer = batch.seal(Compression::None, &mut Compressor::default(), None).unwrap().bytes;
        assert_eq!((buffer.as_ptr(), buffer.capacity()), (start, capacity));
    }
}

#[test]
fn parts_of_a_block_share_its_memory_and_strangers_are_copied() {
    let mut owned = record(1, "key", "value");
    owned.3.push(("name".into(), Some(b"content".to_vec())));
    let batch = CheckedBatch::check(build(&[owned], Compression::None, None).freeze()).unwrap();
    let block = RecordBlock::open(&batch, &mut Decompressor::default(), LIMIT).unwrap();
    let record = block.records().next().unwrap().unwrap();
    let value = block.slice_of(record.value.unwrap());
    assert_eq!(value.as_ptr(), record.value.unwrap().as_ptr());
    let header = block.header_of(&record.headers().next().unwrap());
    assert_eq!((&*header.key, header.value.as_deref()), ("name", Some(&b"content"[..])));
    assert!(batch.bytes().as_ptr_range().contains(&header.key.as_bytes().as_ptr()));
    assert_eq!(block.slice_of(b"elsewhere"), &b"elsewhere"[..]);
    assert!(block.slice_of(b"").is_empty());
}

#[test]
fn memory_of_batches_comes_back() {
    let mut compressor = Compressor::default();
    for codec in codecs().filter(|codec| *codec != Compression::None) {
        let mut batch = BatchBuilder::new(BytesMut::with_capacity(4096));
        let start = batch.append(Timestamp(1), None, Some(&[1; 1000]), &[]).unwrap();
        assert_eq!(start, 0);
        let sealed = batch.seal(codec, &mut compressor, None).unwrap();
        let spare = sealed.spare.unwrap();
        assert!(spare.is_empty() && spare.capacity() >= 4096, "{codec}");

        // what was decompressed is used again when nobody holds a part of it
        let batch = CheckedBatch::check(sealed.bytes.freeze()).unwrap();
        let mut decompressor = Decompressor::default();
        let mut open =
            || RecordBlock::open(&batch, &mut decompressor, LIMIT).unwrap().bytes().clone();
        let first = open().as_ptr();
        let held = open();
        assert_eq!(held.as_ptr(), first, "{codec}");
        assert_ne!(open().as_ptr(), first, "{codec}");
        assert_eq!(held.len(), open().len(), "{codec}");
    }
}
