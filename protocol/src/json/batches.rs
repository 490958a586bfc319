//! Record batches, as far as their headers tell.

use bytes::Bytes;

use super::Text;
use crate::record::{BatchHeader, split_batches};

/// An array of batches, and of what is none.
pub(super) fn put(records: Bytes, out: &mut Text) {
    out.open('[');
    for batch in split_batches(records) {
        out.item();
        out.open('{');
        match batch.and_then(|batch| BatchHeader::parse(&batch)) {
            Ok(header) => members(&header, out),
            Err(error) => {
                out.member("error");
                out.string(&error.to_string());
            }
        }
        out.close('}');
    }
    out.close(']');
}

fn members(header: &BatchHeader, out: &mut Text) {
    let mut number = |name: &str, value: i64| {
        out.member(name);
        out.display(value);
    };
    let epoch = header.partition_leader_epoch.map_or(-1, |epoch| epoch.0);
    number("baseOffset", header.base_offset);
    number("batchLength", header.batch_length.into());
    number("partitionLeaderEpoch", epoch.into());
    number("magic", header.magic.into());
    number("crc", header.crc.into());
    number("lastOffsetDelta", header.last_offset_delta.into());
    number("baseTimestamp", header.base_timestamp.0);
    number("maxTimestamp", header.max_timestamp.0);
    number("producerId", header.producer_id.map_or(-1, |id| id.0));
    number("producerEpoch", header.producer_epoch.map_or(-1, |epoch| epoch.0).into());
    number("baseSequence", header.base_sequence.map_or(-1, |sequence| sequence.get()).into());
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
