//! `.snapshot`: the producers of a log as of the offset in the file's name, in Kafka's format.
//!
//! A version, a CRC-32C of what follows, a count, and for each producer its last batch only. The
//! batches before that come back from the log (see `recovery`).

use std::collections::VecDeque;
use std::io;

use ottla_protocol::ids::{CoordinatorEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

use super::disk::{self, Disk};
use super::format::{BadByte, SnapshotEntry};
use super::producers::{ProducerEntry, Producers, Remembered};
use super::segment;

/// The producer has no batch, no marker, or no transaction open.
const NONE: i32 = -1;
const NONE_I64: i64 = -1;

/// Why a snapshot is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error(transparent)]
    Malformed(#[from] BadByte),
    #[error("an offset below zero")]
    Offset,
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
    let count = i32::try_from(producers.iter().count()).map_err(io::Error::other)?;
    let entries = producers.iter().map(|(id, entry)| {
        let last = entry.batches.back();
        let delta = last.and_then(|last| last.last_offset.distance_from(last.base_offset));
        SnapshotEntry {
            id: id.0,
            epoch: entry.epoch.0,
            last_sequence: last.map_or(NONE, |last| last.last.get()),
            last_offset: last.map_or(NONE_I64, |last| last.last_offset.get()),
            // a batch has as many records as an i32 can count
            offset_delta: delta.and_then(|delta| i32::try_from(delta).ok()).unwrap_or(0),
            timestamp: entry.last_timestamp,
            coordinator_epoch: entry.coordinator_epoch.map_or(NONE, |epoch| epoch.0),
            transaction_start: entry.open_since.map_or(NONE_I64, Offset::get),
        }
    });
    Ok(SnapshotEntry::write_all(count, entries))
}

fn decode(bytes: &[u8], now_ms: i64) -> Result<Producers, SnapshotError> {
    let mut producers = Producers::default();
    for found in SnapshotEntry::read_all(bytes)? {
        let entry = |batches| ProducerEntry {
            epoch: ProducerEpoch(found.epoch),
            batches,
            coordinator_epoch: Some(found.coordinator_epoch)
                .filter(|epoch| *epoch >= 0)
                .map(CoordinatorEpoch),
            open_since: Offset::new(found.transaction_start),
            last_timestamp: found.timestamp,
            last_seen_ms: now_ms,
        };
        let (id, delta) = (ProducerId(found.id), found.offset_delta);
        let last = (Sequence::new(found.last_sequence), Offset::new(found.last_offset));
        let (Some(last), Some(last_offset)) = last else {
            producers.insert(id, entry(VecDeque::new()));
            continue;
        };
        let base_offset = Offset::new(last_offset.get() - i64::from(delta));
        let (Some(base_offset), true) = (base_offset, delta >= 0) else {
            return Err(SnapshotError::Offset);
        };
        let first = (i64::from(last.get()) - i64::from(delta)) & i64::from(i32::MAX);
        let first = i32::try_from(first).ok().and_then(Sequence::new).unwrap_or_default();
        let max_timestamp = found.timestamp;
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
        assert_eq!(bytes.len(), 6 + 4 + 2 * 46);
        let (heading, body) = bytes.split_at(6);
        assert_eq!(heading[..2], 1_i16.to_be_bytes());
        assert_eq!(heading[2..], crc32c::crc32c(body).to_be_bytes());
        let second = &body[4 + 46..]; // in the order of the ids: 4, 9
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
