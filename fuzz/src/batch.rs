//! Record batches: whatever a batch holds is an error or records, and records go into a new batch
//! and come out of it as they were.

use bytes::{Bytes, BytesMut};
use ottla_protocol::ids::{LeaderEpoch, Offset, Timestamp};
use ottla_protocol::record::{
    BatchBuilder, BatchError, BatchHeader, CheckedBatch, Compression, Compressor, ControlRecord,
    Decompressor, EndTxnMarker, HEADER_SIZE, Header, ProducerStamp, RecordBlock, RecordRef,
    assign_offsets, checksum, record_size_max, restamp, set_timestamps, split_batches,
};

use crate::{choice, peak_of};

/// How large records may be once they are decompressed, in bytes.
const LIMIT: usize = 64 << 10;
/// What contexts take.
const CONTEXT_BYTES: usize = 256 << 10;
/// The fewest bytes of a record.
const RECORD_BYTES_MIN: usize = 7;

/// A byte that says with which codec records are packed, and what a Fetch brought; or a batch
/// whose records are to be compressed first.
pub fn batch(mut data: &[u8]) {
    let how = choice(&mut data);
    let codec = Compression::ALL[usize::from(how & 0x7f) % Compression::ALL.len()];
    let data = if how & 0x80 == 0 { data.to_vec() } else { compressed(data, codec) };
    splits(&Bytes::copy_from_slice(&data));
    let Some(batch) = repaired(&data) else { return };
    let mut decompressor = Decompressor::default();
    let (opened, peak) = peak_of(|| RecordBlock::open(&batch, &mut decompressor, LIMIT));
    assert!(peak <= 3 * LIMIT + data.len() + CONTEXT_BYTES, "{peak} bytes for {}", data.len());
    let Ok(block) = opened else { return };
    let Some(records) = read(&block) else { return };
    if let Some(bytes) = packed(&records, batch.header(), codec) {
        reads_the_same(&records, &bytes);
        changes_in_place(bytes);
    }
}

/// What was fetched falls into batches without a gap; only what stands in a batch's header counts.
fn splits(fetched: &Bytes) {
    let mut at = 0;
    let mut failed = false;
    for batch in split_batches(fetched.clone()) {
        assert!(!failed, "where the next batch starts is unknown");
        let Ok(batch) = batch else {
            failed = true;
            continue;
        };
        assert_eq!(batch, fetched.slice(at..at + batch.len()));
        at += batch.len();
        let header = BatchHeader::parse(&batch).expect("it was one just now");
        assert_eq!(header.total_size(), batch.len());
        let found = checksum(&batch);
        match CheckedBatch::check(batch.clone()) {
            Ok(checked) => assert_eq!((checked.bytes(), header.crc), (&batch, found)),
            Err(BatchError::Checksum { stored, found: named, .. }) => {
                assert!(stored == header.crc && named == found && stored != found);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// The batch with what follows its header compressed.
fn compressed(batch: &[u8], codec: Compression) -> Vec<u8> {
    let Some((header, records)) = batch.split_at_checked(HEADER_SIZE) else {
        return batch.to_vec();
    };
    let mut packed = BytesMut::from(header);
    packed[22] = packed[22] & !7 | codec.attribute().to_be_bytes()[1];
    let packs = Compressor::default().compress(codec, records, &mut packed);
    packs.expect("the codec is built in");
    packed.to_vec()
}

/// The bytes as one batch: damage goes on behind a right length, magic and checksum.
fn repaired(data: &[u8]) -> Option<CheckedBatch> {
    let mut bytes = BytesMut::from(data);
    let length = i32::try_from(bytes.len().checked_sub(12)?).ok()?;
    bytes.get_mut(8..12)?.copy_from_slice(&length.to_be_bytes());
    *bytes.get_mut(16)? = 2;
    let crc = checksum(&bytes);
    bytes.get_mut(17..21)?.copy_from_slice(&crc.to_be_bytes());
    let checked = CheckedBatch::check(bytes.freeze());
    assert_eq!(checked.is_ok(), data.len() >= HEADER_SIZE, "{checked:?}");
    checked.ok()
}

/// The records, if there is nothing wrong with any; each shares the block's memory.
fn read(block: &RecordBlock) -> Option<Vec<RecordRef<'_>>> {
    let header = block.header();
    let mut records = block.records();
    let mut seen = Vec::new();
    let (least, most) = records.size_hint();
    loop {
        let (position, index) = records.position(block);
        assert_eq!(usize::try_from(index), Ok(seen.len()));
        let mut resumed = block.records_from(position, index);
        let (record, again) = (records.next(), resumed.next());
        let (here, there) = (records.position(block), resumed.position(block));
        assert_eq!(here, there, "reading goes on anywhere");
        assert_eq!(again.map(|record| record.is_ok()), record.as_ref().map(Result::is_ok));
        match record {
            None => break,
            Some(Ok(record)) => seen.push(record),
            Some(Err(error)) => {
                assert!(error.index == index && error.base_offset == header.base_offset);
                assert!(records.next().is_none(), "an error is the end");
                return None;
            }
        }
    }
    assert!(least <= seen.len() && most.is_some_and(|most| seen.len() <= most));
    assert!(seen.len() * RECORD_BYTES_MIN <= block.bytes().len());
    assert_eq!(i32::try_from(seen.len()), Ok(header.records_count));
    for record in &seen {
        let offset = header.base_offset + i64::from(record.offset_delta);
        assert_eq!(record.offset.get(), offset);
        for part in [record.key, record.value].into_iter().flatten() {
            assert!(part.is_empty() || block.slice_of(part).as_ptr() == part.as_ptr());
        }
        assert_eq!(record.headers().count_left(), record.headers().count());
        for header in record.headers() {
            let owned = block.header_of(&header);
            assert_eq!((&*owned.key, owned.value.as_deref()), (&*header.key, header.value));
        }
        if let Some(control) = ControlRecord::parse(record)
            && let Some(marker) = EndTxnMarker::parse(&control)
        {
            assert_eq!(marker.kind(), control.kind);
            assert_eq!(marker.value()[2..], control.value[2..6]);
        }
    }
    Some(seen)
}

fn owned(record: &RecordRef<'_>) -> Vec<Header> {
    let value = |value| Bytes::copy_from_slice(value);
    let headers = record.headers();
    headers.map(|h| Header { key: (*h.key).into(), value: h.value.map(value) }).collect()
}

/// The same records in a new batch; `None` if there are none, or their times lie too far apart.
fn packed(records: &[RecordRef<'_>], header: &BatchHeader, codec: Compression) -> Option<BytesMut> {
    let builder = || match header.is_control() {
        true => BatchBuilder::control(BytesMut::new()),
        false => BatchBuilder::new(BytesMut::new()),
    };
    let (mut copied, mut made) = (builder(), builder());
    for (record, index) in records.iter().zip(0..) {
        let appended = copied.append_ref(record);
        let headers = owned(record);
        let before = made.len();
        let again = made.append(record.timestamp, record.key, record.value, &headers);
        assert_eq!(again, appended);
        assert_eq!(appended.ok()?, index);
        let [key, value] = [record.key, record.value].map(|part| part.map_or(0, <[u8]>::len));
        assert!(made.len() - before <= record_size_max(key, value, &headers));
    }
    if records.is_empty() {
        return None;
    }
    let stamp = || {
        let (id, epoch) = (header.producer_id?, header.producer_epoch?);
        let transactional = header.is_transactional();
        Some(ProducerStamp { id, epoch, first: header.base_sequence?, transactional })
    };
    let sealed = copied.seal(codec, &mut Compressor::default(), stamp()).expect("it is built in");
    let written = BatchHeader::parse(&sealed.bytes).expect("it was just written");
    assert_eq!(written.compression(), Some(codec));
    assert_eq!(written.is_control(), header.is_control());
    assert_eq!(Some(written.base_timestamp), records.first().map(|record| record.timestamp));
    assert_eq!(Some(written.max_timestamp), records.iter().map(|record| record.timestamp).max());
    assert_eq!(written.producer_id, stamp().map(|stamp| stamp.id));
    Some(sealed.bytes)
}

fn reads_the_same(records: &[RecordRef<'_>], batch: &[u8]) {
    let batch = CheckedBatch::check(Bytes::copy_from_slice(batch)).expect("it was just built");
    // headers may have had longer numbers than they need, which are copied as they are
    let room = batch.payload().len().max(4 * LIMIT);
    let block = RecordBlock::open(&batch, &mut Decompressor::default(), room);
    let block = block.expect("it was just packed");
    let back: Vec<_> = block.records().map(|record| record.expect("it was read before")).collect();
    assert_eq!(back.len(), records.len());
    for ((ours, theirs), index) in back.iter().zip(records).zip(0..) {
        assert_eq!(ours.offset_delta, index);
        assert_eq!(
            (ours.timestamp, ours.key, ours.value),
            (theirs.timestamp, theirs.key, theirs.value)
        );
        assert!(ours.headers().eq(theirs.headers()));
    }
}

/// What a broker or a retry changes leaves the batch right and all else as it was.
fn changes_in_place(mut bytes: BytesMut) {
    let check = |bytes: &BytesMut| {
        let batch = CheckedBatch::check(bytes.clone().freeze()).expect("still right");
        *batch.header()
    };
    let before = check(&bytes);
    let base = Offset::new(i64::from(u32::MAX)).expect("not negative");
    assign_offsets(&mut bytes, base, Some(LeaderEpoch(7)));
    let placed = check(&bytes);
    let epoch = Some(LeaderEpoch(7));
    let expected = BatchHeader { base_offset: base.get(), partition_leader_epoch: epoch, ..before };
    assert_eq!(placed, expected);
    for own in [false, true] {
        let (header, records) = bytes.split_first_chunk_mut().expect("it has a header");
        set_timestamps(header, records, Timestamp(9), own);
        let timed = check(&bytes);
        assert_eq!((timed.max_timestamp, timed.is_log_append_time()), (Timestamp(9), own));
    }
    restamp(&mut bytes, None);
    let bare = check(&bytes);
    assert_eq!(
        (bare.producer_id, bare.base_sequence, bare.is_transactional()),
        (None, None, false)
    );
    assert_eq!(bare.records_count, before.records_count);
}
