//! `.snapshot`: the producers of a log as of the offset in the file's name, in Kafka's format.
//!
//! A version, a CRC-32C of what follows, a count, and for each producer its last batch only. The
//! batches before that come back from the log (see `recovery`).

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, BufMut};
use ottla_protocol::ids::{CoordinatorEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

use super::disk::{self, Disk};
use super::producers::{ProducerEntry, Producers, Remembered};
use super::segment;

const VERSION: i16 = 1;

/// Version and checksum.
const HEADING_BYTES: usize = 6;

const ENTRY_BYTES: usize = 46;

/// The producer has no batch, no marker, or no transaction open.
const NONE: i32 = -1;
const NONE_I64: i64 = -1;

/// Why a snapshot is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("{0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes the snapshot of the producers as of `end`. It is not synced: one that did not reach the
/// device fails its checksum, and an older one serves.
pub(crate) fn write(
    disk: &dyn Disk,
    dir: &str,
    end: Offset,
    producers: &Producers,
) -> io::Result<()> {
    let file = disk.open(&segment::path(dir, end, "snapshot"), true)?;
    file.truncate(0)?;
    file.append(&[&encode(producers)?])
}

/// Reads the snapshot as of `end`. Its producers count as seen at `now_ms`.
pub(crate) fn read(
    disk: &dyn Disk,
    dir: &str,
    end: Offset,
    now_ms: i64,
) -> Result<Producers, SnapshotError> {
    decode(&disk::read_all(disk, &segment::path(dir, end, "snapshot"))?, now_ms)
}

fn encode(producers: &Producers) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    body.put_i32(i32::try_from(producers.iter().count()).map_err(io::Error::other)?);
    for (id, entry) in producers.iter() {
        body.put_i64(id.0);
        body.put_i16(entry.epoch.0);
        let last = entry.batches.back();
        body.put_i32(last.map_or(NONE, |last| last.last.get()));
        body.put_i64(last.map_or(NONE_I64, |last| last.last_offset.get()));
        let delta = last.and_then(|last| last.last_offset.distance_from(last.base_offset));
        body.put_i32(i32::try_from(delta.unwrap_or(0)).map_err(io::Error::other)?);
        body.put_i64(entry.last_timestamp);
        body.put_i32(entry.coordinator_epoch.map_or(NONE, |epoch| epoch.0));
        body.put_i64(entry.open_since.map_or(NONE_I64, Offset::get));
    }
    let mut bytes = Vec::with_capacity(HEADING_BYTES + body.len());
    bytes.put_i16(VERSION);
    bytes.put_u32(crc32c::crc32c(&body));
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

fn decode(mut bytes: &[u8], now_ms: i64) -> Result<Producers, SnapshotError> {
    let malformed = SnapshotError::Malformed;
    let heading = bytes.get(..HEADING_BYTES);
    let mut heading = heading.ok_or_else(|| malformed("it is cut short"))?;
    bytes.advance(HEADING_BYTES);
    if heading.get_i16() != VERSION {
        return Err(malformed("it is not of version 1"));
    }
    if heading.get_u32() != crc32c::crc32c(bytes) {
        return Err(malformed("its checksum does not fit"));
    }
    let count = bytes.try_get_i32().map_err(|_| malformed("it has no count"))?;
    let expected = usize::try_from(count).ok().and_then(|n| n.checked_mul(ENTRY_BYTES));
    if expected != Some(bytes.len()) {
        return Err(malformed("its count does not fit its size"));
    }
    let mut producers = Producers::default();
    while bytes.has_remaining() {
        let (id, epoch) = (ProducerId(bytes.get_i64()), ProducerEpoch(bytes.get_i16()));
        let last = Sequence::new(bytes.get_i32());
        let (last_offset, delta) = (Offset::new(bytes.get_i64()), bytes.get_i32());
        let last_timestamp = bytes.get_i64();
        let coordinator_epoch = Some(bytes.get_i32()).filter(|epoch| *epoch >= 0);
        let coordinator_epoch = coordinator_epoch.map(CoordinatorEpoch);
        let open_since = Offset::new(bytes.get_i64());
        let entry = |batches| ProducerEntry {
            epoch,
            batches,
            coordinator_epoch,
            open_since,
            last_timestamp,
            last_seen_ms: now_ms,
        };
        let (Some(last), Some(last_offset)) = (last, last_offset) else {
            producers.insert(id, entry(VecDeque::new()));
            continue;
        };
        let base_offset = Offset::new(last_offset.get() - i64::from(delta));
        let (Some(base_offset), true) = (base_offset, delta >= 0) else {
            return Err(malformed("an offset below zero"));
        };
        let first = (i64::from(last.get()) - i64::from(delta)) & i64::from(i32::MAX);
        let first = i32::try_from(first).ok().and_then(Sequence::new).unwrap_or_default();
        let max_timestamp = last_timestamp;
        let newest = Remembered { first, last, base_offset, last_offset, max_timestamp };
        producers.insert(id, entry(VecDeque::from([newest])));
    }
    Ok(producers)
}

#[cfg(test)]
mod tests {
    use super::super::disk::MemoryDisk;
    use super::super::testing::{Spec, offset};
    use super::super::transactions::Marker;
    use super::*;

    fn producers() -> Producers {
        let mut producers = Producers::default();
        for (base, stamp) in [(0, (9, 1, i32::MAX - 1)), (5, (4, 0, 0)), (8, (9, 1, 3))] {
            let spec = Spec { base, records: 3, stamp: Some(stamp), ..Spec::default() };
            producers.apply(&spec.view(), 50);
        }
        producers
    }

    #[test]
    fn the_last_batch_of_each_producer_comes_back() {
        let disk = MemoryDisk::new();
        write(&disk, "", offset(11), &producers()).unwrap();
        let mut expected = producers();
        let mut only_last = Producers::default();
        for (id, entry) in expected.iter() {
            let mut entry = entry.clone();
            entry.batches.drain(..entry.batches.len() - 1);
            entry.last_seen_ms = 77;
            only_last.insert(id, entry);
        }
        assert_eq!(read(&disk, "", offset(11), 77).unwrap(), only_last);
        expected.complete_from(&producers());
        assert_eq!(expected, producers());
    }

    /// Kafka forgets a producer by that time, and with it which epochs are too old.
    #[test]
    fn the_time_of_a_marker_is_kept_and_hides_no_batch() {
        let disk = MemoryDisk::new();
        let view = |base, sequence| Spec { base, stamp: Some((9, 1, sequence)), ..Spec::default() };
        let mut producers = Producers::default();
        producers.apply(&view(0, 0).view(), 50);
        producers.apply(&view(1, 1).view(), 50);
        let (id, epoch, coordinator_epoch) = (ProducerId(9), ProducerEpoch(1), CoordinatorEpoch(3));
        let marker = Marker { id, epoch, committed: true, coordinator_epoch };
        let time = 2_000;
        let at = |base, marker, time| {
            let mut batch = view(base, 0).view();
            (batch.marker, batch.max_timestamp) = (Some(marker), time);
            batch
        };
        producers.apply(&at(2, marker, time), 50);
        write(&disk, "", offset(3), &producers).unwrap();
        let mut found = read(&disk, "", offset(3), 50).unwrap();
        assert_eq!(found.iter().next().unwrap().1.last_timestamp, time);
        assert_eq!(found.iter().next().unwrap().1.batches.len(), 1);
        found.complete_from(&producers);
        assert_eq!(found, producers);

        // as transactions of version 2 raise it each time
        producers.apply(&at(3, Marker { epoch: ProducerEpoch(2), ..marker }, time + 1), 50);
        write(&disk, "", offset(4), &producers).unwrap();
        assert_eq!(read(&disk, "", offset(4), 50).unwrap(), producers);
    }

    #[test]
    fn it_is_in_kafkas_format() {
        let bytes = encode(&producers()).unwrap();
        assert_eq!(bytes.len(), HEADING_BYTES + 4 + 2 * ENTRY_BYTES);
        let (heading, body) = bytes.split_at(HEADING_BYTES);
        assert_eq!(heading[..2], 1_i16.to_be_bytes());
        assert_eq!(heading[2..], crc32c::crc32c(body).to_be_bytes());
        let second = &body[4 + ENTRY_BYTES..]; // in the order of the ids: 4, 9
        assert_eq!(second[..8], 9_i64.to_be_bytes());
        assert_eq!(second[8..10], 1_i16.to_be_bytes());
        assert_eq!(second[10..14], 5_i32.to_be_bytes(), "last sequence");
        assert_eq!(second[14..22], 10_i64.to_be_bytes(), "last offset");
        assert_eq!(second[22..26], 2_i32.to_be_bytes(), "offset delta");
        assert_eq!(second[26..34], 1_000_i64.to_be_bytes(), "timestamp");
        assert_eq!(second[34..38], (-1_i32).to_be_bytes(), "coordinator epoch");
        assert_eq!(second[38..], (-1_i64).to_be_bytes(), "start of its transaction");
    }

    #[test]
    fn a_damaged_one_is_refused_wherever_the_damage_is() {
        let whole = encode(&producers()).unwrap();
        for len in 0..whole.len() {
            assert!(decode(&whole[..len], 0).is_err(), "cut to {len}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            assert!(decode(&damaged, 0).is_err(), "flipped a bit at {at}");
        }
    }
}
