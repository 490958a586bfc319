//! Record batches, as far as their headers tell.

use bytes::Bytes;

use super::Text;
use crate::record::{BatchError, BatchHeader, CheckedBatch, split_batches};

/// An array of batches, and of what is none.
pub(super) fn put(records: Bytes, out: &mut Text) {
    out.open('[');
    let mut rest = records.clone(); // what no batch was found in
    for batch in split_batches(records) {
        rest = match &batch {
            Ok(batch) => rest.slice(batch.len()..),
            Err(_) => Bytes::new(), // where the next batch starts is unknown
        };
        item(batch, out);
        if out.is_full() {
            return;
        }
    }
    if !rest.is_empty() {
        item(CheckedBatch::without_checksum(rest).map(CheckedBatch::into_bytes), out);
    }
    out.close(']');
}

fn item(batch: Result<Bytes, BatchError>, out: &mut Text) {
    out.item();
    out.open('{');
    match batch.and_then(|batch| BatchHeader::parse(&batch).map(|header| (header, batch))) {
        Ok((header, batch)) => members(&header, &batch, out),
        Err(error) => {
            out.member("error");
            out.string(&error.to_string());
        }
    }
    out.close('}');
}

/// The big-endian number at a place of a header whose length was checked.
fn at<const N: usize>(batch: &[u8], place: usize) -> [u8; N] {
    batch.get(place..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

/// The fields of `header`; those that it has no negative numbers of are as in the bytes of `batch`.
fn members(header: &BatchHeader, batch: &[u8], out: &mut Text) {
    let mut number = |name: &str, value: i64| {
        out.member(name);
        out.display(value);
    };
    number("baseOffset", header.base_offset);
    number("batchLength", header.batch_length.into());
    number("partitionLeaderEpoch", i32::from_be_bytes(at(batch, 12)).into());
    number("magic", header.magic.into());
    number("crc", header.crc.into());
    number("lastOffsetDelta", header.last_offset_delta.into());
    number("baseTimestamp", header.base_timestamp.0);
    number("maxTimestamp", header.max_timestamp.0);
    number("producerId", i64::from_be_bytes(at(batch, 43)));
    number("producerEpoch", i16::from_be_bytes(at(batch, 51)).into());
    number("baseSequence", i32::from_be_bytes(at(batch, 53)).into());
    number("recordsCount", header.records_count.into());
    out.member("compression");
    match header.compression() {
        Some(compression) => out.string(&compression.to_string()),
        None => out.null(),
    }
    for (name, flag) in [
        ("isTransactional", header.is_transactional()),
        ("isControlBatch", header.is_control()),
        ("isLogAppendTime", header.is_log_append_time()),
    ] {
        out.member(name);
        out.display(flag);
    }
}
