//! `.snapshot`: the last batch of each producer, in Kafka's format.

use super::entries::Numbers;

const VERSION: i16 = 1;
/// Version and checksum.
const HEADING_BYTES: usize = 6;
const COUNT_BYTES: usize = 4;
const ENTRY_BYTES: usize = 46;

/// A producer as a snapshot has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Producer {
    pub(super) id: i64,
    pub(super) epoch: i16,
    /// -1 if it has no batch in the log.
    pub(super) last_sequence: i32,
    pub(super) last_offset: i64,
    /// Last offset of its batch less the first.
    pub(super) offset_delta: i32,
    pub(super) timestamp: i64,
    /// -1 if it never ended a transaction.
    pub(super) coordinator_epoch: i32,
    /// -1 if it has no transaction open.
    pub(super) transaction_start: i64,
}

/// The producers in order; or where something is wrong, and what.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Producer>, (u64, String)> {
    let Some((heading, body)) = bytes.split_at_checked(HEADING_BYTES) else {
        return Err((0, format!("it has {} bytes: too few for its heading", bytes.len())));
    };
    let mut heading = Numbers(heading);
    let version = heading.i16();
    if version != VERSION {
        return Err((0, format!("version {version} instead of {VERSION}")));
    }
    let (stored, found) = (heading.u32(), crc32c::crc32c(body));
    if stored != found {
        return Err((2, format!("its checksum is {found:08x}, not {stored:08x}")));
    }
    let Some((count, entries)) = body.split_at_checked(COUNT_BYTES) else {
        return Err((HEADING_BYTES as u64, "it ends before its count".to_owned()));
    };
    let count = Numbers(count).i32();
    let expected = usize::try_from(count).ok().and_then(|count| count.checked_mul(ENTRY_BYTES));
    if expected != Some(entries.len()) {
        let what = format!("{count} producers in {} bytes: each has {ENTRY_BYTES}", entries.len());
        return Err((HEADING_BYTES as u64, what));
    }
    Ok(entries.chunks_exact(ENTRY_BYTES).map(producer).collect())
}

/// Where the producer number `index` lies in the file.
pub(super) const fn position(index: usize) -> u64 {
    (HEADING_BYTES + COUNT_BYTES + index * ENTRY_BYTES) as u64
}

fn producer(entry: &[u8]) -> Producer {
    let mut numbers = Numbers(entry);
    Producer {
        id: numbers.i64(),
        epoch: numbers.i16(),
        last_sequence: numbers.i32(),
        last_offset: numbers.i64(),
        offset_delta: numbers.i32(),
        timestamp: numbers.i64(),
        coordinator_epoch: numbers.i32(),
        transaction_start: numbers.i64(),
    }
}

/// What is wrong with a producer in a snapshot as of `end`.
pub(super) fn wrong(producer: &Producer, end: i64) -> Option<String> {
    let Producer { id, last_offset, offset_delta, transaction_start, .. } = *producer;
    if id < 0 {
        Some(format!("producer id {id}"))
    } else if last_offset >= end {
        Some(format!("producer {id} ends at {last_offset}, but the snapshot is as of {end}"))
    } else if offset_delta < 0 || (last_offset >= 0 && i64::from(offset_delta) > last_offset) {
        Some(format!("producer {id} has a batch of {offset_delta} and one records"))
    } else if transaction_start >= end {
        Some(format!("producer {id} has a transaction from {transaction_start} on, beyond {end}"))
    } else {
        None
    }
}
