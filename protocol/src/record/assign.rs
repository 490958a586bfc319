//! Changes to a built batch, in place: what a broker assigns, what a producer numbers anew.

use super::batch::{CRC_START, HEADER_SIZE, LOG_APPEND_TIME_BIT, TRANSACTIONAL_BIT, checksum};
use super::builder::ProducerStamp;
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

const LEADER_EPOCH_AT: usize = 12;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;
const PRODUCER_ID_AT: usize = 43;
const PRODUCER_EPOCH_AT: usize = 51;
const BASE_SEQUENCE_AT: usize = 53;

/// Overwrites `N` bytes at `at`.
///
/// # Panics
///
/// If `batch` is shorter than a header: nothing but a batch may be passed.
fn put<const N: usize>(batch: &mut [u8], at: usize, bytes: [u8; N]) {
    debug_assert!(at + N <= HEADER_SIZE);
    match batch.get_mut(at..at + N) {
        Some(place) => place.copy_from_slice(&bytes),
        None => panic!("a batch has a header of {HEADER_SIZE} bytes, not {}", batch.len()),
    }
}

fn attributes(batch: &[u8]) -> i16 {
    let bytes = batch.get(ATTRIBUTES_AT..).and_then(<[u8]>::first_chunk::<2>);
    bytes.map_or(0, |bytes| i16::from_be_bytes(*bytes))
}

pub(super) fn put_checksum(batch: &mut [u8]) {
    let crc = checksum(batch);
    put(batch, CRC_AT, crc.to_be_bytes());
}

/// Says where the batch stands in the log, and which leader put it there, if one did. The checksum
/// does not cover these fields, so the header alone may be passed.
///
/// # Panics
///
/// If `batch` is shorter than a header.
pub fn assign_offsets(batch: &mut [u8], base: Offset, epoch: Option<LeaderEpoch>) {
    put(batch, 0, base.get().to_be_bytes());
    put(batch, LEADER_EPOCH_AT, epoch.map_or(-1, |epoch| epoch.0).to_be_bytes());
}

/// Sets the highest timestamp and whose clock it is of, and corrects the checksum. With
/// `log_append_time` it is the broker's, and the time of every record. The records may lie apart
/// from the header.
pub fn set_timestamps(
    header: &mut [u8; HEADER_SIZE],
    records: &[u8],
    max: Timestamp,
    log_append_time: bool,
) {
    let flag = if log_append_time { LOG_APPEND_TIME_BIT } else { 0 };
    let attributes = (attributes(header) & !LOG_APPEND_TIME_BIT) | flag;
    put(header, ATTRIBUTES_AT, attributes.to_be_bytes());
    put(header, MAX_TIMESTAMP_AT, max.0.to_be_bytes());
    let crc = crc32c::crc32c_append(checksum(header), records);
    put(header, CRC_AT, crc.to_be_bytes());
}

/// Numbers a sealed batch anew, or for the first time, and corrects the checksum.
///
/// # Panics
///
/// If `batch` is shorter than a header.
pub fn restamp(batch: &mut [u8], stamp: Option<ProducerStamp>) {
    put_stamp(batch, stamp);
    put_checksum(batch);
}

/// Says which producer's transaction a batch ends. Such a batch has no number.
pub(super) fn mark(batch: &mut [u8], id: ProducerId, epoch: ProducerEpoch) {
    put(batch, ATTRIBUTES_AT, (attributes(batch) | TRANSACTIONAL_BIT).to_be_bytes());
    put(batch, PRODUCER_ID_AT, id.0.to_be_bytes());
    put(batch, PRODUCER_EPOCH_AT, epoch.0.to_be_bytes());
    put_checksum(batch);
}

/// Numbers a batch, leaving its checksum wrong.
pub(super) fn put_stamp(batch: &mut [u8], stamp: Option<ProducerStamp>) {
    let transactional = stamp.is_some_and(|stamp| stamp.transactional);
    let flag = if transactional { TRANSACTIONAL_BIT } else { 0 };
    let attributes = (attributes(batch) & !TRANSACTIONAL_BIT) | flag;
    put(batch, ATTRIBUTES_AT, attributes.to_be_bytes());
    let (id, epoch, first) =
        stamp.map_or((-1, -1, -1), |stamp| (stamp.id.0, stamp.epoch.0, stamp.first.get()));
    put(batch, PRODUCER_ID_AT, id.to_be_bytes());
    put(batch, PRODUCER_EPOCH_AT, epoch.to_be_bytes());
    put(batch, BASE_SEQUENCE_AT, first.to_be_bytes());
}

const _: () = assert!(CRC_AT + 4 == CRC_START);
