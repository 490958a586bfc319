//! Batches as a producer makes them, byte by byte, so that the log's tests need no builder.

use bytes::BufMut;
use ottla_protocol::ids::Offset;

use super::batch::BatchView;

/// What a test batch says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) base: i64,
    pub(crate) records: i32,
    pub(crate) timestamp: i64,
    pub(crate) leader_epoch: i32,
    /// Producer id, epoch and first sequence.
    pub(crate) stamp: Option<(i64, i16, i32)>,
    /// Bytes in place of records.
    pub(crate) payload: usize,
    /// What those bytes are.
    pub(crate) fill: u8,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            base: 0,
            records: 1,
            timestamp: 1_000,
            leader_epoch: 0,
            stamp: None,
            payload: 10,
            fill: b'x',
        }
    }
}

impl Spec {
    /// The batch, checksum included.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (id, epoch, sequence) = self.stamp.unwrap_or((-1, -1, -1));
        let mut covered = Vec::new();
        covered.put_i16(0);
        covered.put_i32(self.records - 1);
        covered.put_i64(self.timestamp);
        covered.put_i64(self.timestamp);
        covered.put_i64(id);
        covered.put_i16(epoch);
        covered.put_i32(sequence);
        covered.put_i32(self.records);
        covered.put_bytes(self.fill, self.payload);
        let mut bytes = Vec::new();
        bytes.put_i64(self.base);
        bytes.put_i32(i32::try_from(covered.len() + 9).unwrap());
        bytes.put_i32(self.leader_epoch);
        bytes.put_i8(2);
        bytes.put_u32(crc32c::crc32c(&covered));
        bytes.extend_from_slice(&covered);
        bytes
    }

    pub(crate) fn view(&self) -> BatchView {
        BatchView::read(&self.bytes()).unwrap()
    }
}

pub(crate) fn offset(n: i64) -> Offset {
    Offset::new(n).unwrap()
}
