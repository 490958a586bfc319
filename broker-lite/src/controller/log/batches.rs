//! Batches of the metadata log: uncompressed, of no producer.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use ottla_protocol::ids::Offset;

use super::LogError;
use crate::controller::records::Event;
use crate::log::batch::{BatchView, HEADER_BYTES};

/// Where the checksum stands in a batch's header.
const CRC_AT: core::ops::Range<usize> = 17..21;
/// What the checksum is made over starts here.
const CHECKED_FROM: usize = 21;
/// Bit of the attributes that says it is a control batch.
const CONTROL: i16 = 1 << 5;
/// Version and type of the control record that starts an epoch (Kafka: `LEADER_CHANGE`).
const LEADER_CHANGE_KEY: [u8; 4] = [0, 0, 0, 2];

/// A batch of records with these values.
pub(super) fn build(values: &[Bytes], now_ms: i64) -> Result<Bytes, LogError> {
    let records = values.iter().map(|value| (None, value.clone()));
    batch(0, now_ms, records)
}

/// The control batch that starts an epoch.
pub(super) fn leader_change(message: &Bytes, now_ms: i64) -> Result<Bytes, LogError> {
    let key = Bytes::from_static(&LEADER_CHANGE_KEY);
    batch(CONTROL, now_ms, [(Some(key), message.clone())].into_iter())
}

fn batch(
    attributes: i16,
    now_ms: i64,
    records: impl Iterator<Item = (Option<Bytes>, Bytes)>,
) -> Result<Bytes, LogError> {
    let too_large = |_| LogError::Batch("it would be too large".to_owned());
    let mut out = BytesMut::zeroed(HEADER_BYTES);
    let mut count = 0_i32;
    let mut record = BytesMut::new();
    for (key, value) in records {
        record.clear();
        record.put_u8(0); // attributes
        put_varint(&mut record, 0); // timestamp: that of the batch
        put_varint(&mut record, count.into());
        for part in [key.as_ref(), Some(&value)] {
            let length = part.map_or(Ok(-1), |part| i64::try_from(part.len()));
            put_varint(&mut record, length.map_err(too_large)?);
            record.put_slice(part.map_or(&[], |part| part));
        }
        put_varint(&mut record, 0); // headers
        put_varint(&mut out, i64::try_from(record.len()).map_err(too_large)?);
        out.put_slice(&record);
        count += 1;
    }
    let mut header = BytesMut::with_capacity(HEADER_BYTES);
    header.put_i64(0); // base offset: the partition's business
    header.put_i32(i32::try_from(out.len() - 12).map_err(too_large)?);
    header.put_i32(-1); // leader epoch: likewise
    header.put_i8(2); // magic
    header.put_u32(0); // checksum: below
    header.put_i16(attributes);
    header.put_i32(count - 1);
    header.put_i64(now_ms);
    header.put_i64(now_ms);
    header.put_i64(-1); // no producer
    header.put_i16(-1);
    header.put_i32(-1);
    header.put_i32(count);
    let (head, _) = out.split_at_mut(HEADER_BYTES);
    head.copy_from_slice(&header);
    let crc = crc32c::crc32c(out.get(CHECKED_FROM..).unwrap_or_default());
    if let Some(place) = out.get_mut(CRC_AT) {
        place.copy_from_slice(&crc.to_be_bytes());
    }
    Ok(out.freeze())
}

/// Hands the events in `bytes`, whole batches but maybe for the last, to `apply`. Returns the
/// offset that follows.
pub(super) fn events(mut bytes: Bytes, apply: &mut dyn FnMut(Event)) -> Result<Offset, LogError> {
    let mut next = Offset::ZERO;
    while bytes.len() >= HEADER_BYTES {
        let view = BatchView::read(&bytes).map_err(|bad| LogError::Batch(bad.to_string()))?;
        let size = usize::try_from(view.bytes).unwrap_or(usize::MAX);
        if bytes.len() < size {
            break;
        }
        let mut records = bytes.split_to(size);
        records.advance(HEADER_BYTES);
        if !view.is_control() {
            let mut offset = view.base;
            while records.has_remaining() {
                let value = take_value(&mut records)
                    .ok_or_else(|| LogError::Batch(format!("a record at offset {offset}")))?;
                let event = Event::decode(value);
                apply(event.map_err(|source| LogError::Record { offset, source })?);
                offset = offset.next();
            }
        }
        next = view.last.next();
    }
    Ok(next)
}

/// The value of the record that `records` starts with.
fn take_value(records: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(take_varint(records)?).ok()?;
    let mut record = (length <= records.len()).then(|| records.split_to(length))?;
    record.try_get_u8().ok()?;
    take_varint(&mut record)?;
    take_varint(&mut record)?;
    take_part(&mut record)?;
    take_part(&mut record)?
}

/// Bytes with their length in front; -1 stands for none.
fn take_part(record: &mut Bytes) -> Option<Option<Bytes>> {
    match take_varint(record)? {
        -1 => Some(None),
        length => {
            let length = usize::try_from(length).ok().filter(|length| *length <= record.len())?;
            Some(Some(record.split_to(length)))
        }
    }
}

fn put_varint(out: &mut BytesMut, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.put_u8(u8::try_from(rest & 0x7f).unwrap_or(0) | 0x80);
        rest >>= 7;
    }
    out.put_u8(u8::try_from(rest).unwrap_or(0));
}

fn take_varint(bytes: &mut Bytes) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = bytes.try_get_u8().ok()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    None
}
