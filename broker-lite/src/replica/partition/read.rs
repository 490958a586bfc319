//! Reads batches: a plan under the lock, their bytes and their checksums without it.

use std::io;

use bytes::{Bytes, BytesMut};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{Offset, RawOffset};

use super::{Partition, PartitionOffsets};
use crate::log::batch::{BadBatch, BatchView, Damage};
use crate::log::log::{ReadLimit, ReadPlan};
use crate::log::segment;

/// What was read.
#[cfg(any(test, feature = "bench"))]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ReadResult {
    /// Bytes put behind what was in the buffer: whole batches.
    pub(crate) bytes: usize,
    pub(crate) offsets: PartitionOffsets,
}

impl Partition {
    /// Reads batches from `offset` on into `out`, behind what it holds: at most `bytes_max`, but
    /// with `at_least_one` the first batch whole. Nothing at or above the high watermark. A Fetch
    /// does these two steps at different times.
    ///
    /// # Errors
    ///
    /// `OFFSET_OUT_OF_RANGE` below the log's start and above its end, `NOT_LEADER_OR_FOLLOWER`,
    /// `KAFKA_STORAGE_ERROR`, `CORRUPT_MESSAGE`; `out` is unchanged then.
    #[cfg(any(test, feature = "bench"))]
    pub(crate) fn read(
        &self,
        offset: i64,
        bytes_max: u32,
        at_least_one: bool,
        out: &mut BytesMut,
    ) -> Result<ReadResult, ErrorCode> {
        let (plan, offsets) = self.plan(RawOffset(offset), bytes_max, at_least_one, false)?;
        let bytes = plan.map_or(Ok(0), |plan| self.read_plan(&plan, out))?;
        Ok(ReadResult { bytes, offsets })
    }

    /// Where what [`Partition::read`] would read lies; `None` if there is nothing. With
    /// `committed_only` it ends where the first undecided transaction begins, and says which
    /// transactions were aborted.
    ///
    /// # Errors
    ///
    /// As [`Partition::read`].
    pub(crate) fn plan(
        &self,
        offset: RawOffset,
        bytes_max: u32,
        at_least_one: bool,
        committed_only: bool,
    ) -> Result<(Option<ReadPlan>, PartitionOffsets), ErrorCode> {
        let mut inner = self.lock();
        inner.check_leader(false).map_err(|e| e.code())?;
        let offsets = inner.offsets();
        let in_log = |offset: &Offset| (offsets.log_start..=offsets.log_end).contains(offset);
        let from = offset.offset().filter(in_log).ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
        let below = if committed_only { offsets.last_stable } else { offsets.high_watermark };
        let limit = ReadLimit { below, bytes_max, at_least_one };
        let mut plan = inner.log.plan(from, limit).map_err(|e| self.read_failed(&e))?;
        if let Some(plan) = plan.as_mut().filter(|_| committed_only) {
            let aborted = inner.log.aborted(plan, from);
            plan.aborted = aborted.map_err(|e| self.read_failed(&e))?;
        }
        Ok((plan, offsets))
    }

    /// Reads what was planned, behind what `out` holds, and says how many bytes: whole batches that
    /// are as they were written. Where one is not, and where the last one is cut short, it ends
    /// before that.
    ///
    /// # Errors
    ///
    /// `CORRUPT_MESSAGE` if the first batch is damaged, `KAFKA_STORAGE_ERROR`; `out` is unchanged
    /// then.
    pub(crate) fn read_plan(
        &self,
        plan: &ReadPlan,
        out: &mut BytesMut,
    ) -> Result<usize, ErrorCode> {
        self.read_whole(plan, out).map_err(|e| self.read_failed(&e))
    }

    /// What the broker reads for itself, and that all of it is as it was written: whole batches from
    /// `offset` on, the first one however large.
    ///
    /// # Errors
    ///
    /// The first batch is damaged, which is [`Damage`], or what the operating system says.
    pub(crate) fn read_own(&self, offset: Offset, bytes_max: u32) -> io::Result<Bytes> {
        let plan = {
            let mut inner = self.lock();
            inner.refuse_failed()?;
            let below = inner.high_watermark;
            inner.log.plan(offset, ReadLimit { below, bytes_max, at_least_one: true })?
        };
        let mut out = BytesMut::new();
        if let Some(plan) = plan {
            self.read_whole(&plan, &mut out)?;
        }
        Ok(out.freeze())
    }

    fn read_whole(&self, plan: &ReadPlan, out: &mut BytesMut) -> io::Result<usize> {
        let before = out.len();
        read_bytes(plan, out)?;
        let whole = whole_batches(plan, &out[before..]);
        out.truncate(before + whole.unwrap_or(0));
        whole.map_err(|what| {
            let dir = format!("{}-{}", self.topic, self.index);
            let file = segment::path(&dir, plan.segment, "log");
            let (position, offset) = (plan.position, plan.first.base);
            Damage { file, position, offset, what }.into()
        })
    }

    /// What a client is told of it, and whoever runs the broker.
    pub(super) fn read_failed(&self, error: &io::Error) -> ErrorCode {
        tracing::error!(topic = self.topic, partition = %self.index, %error, "cannot read the log");
        let damaged = Damage::of(error).is_some();
        if damaged { ErrorCode::CORRUPT_MESSAGE } else { ErrorCode::KAFKA_STORAGE_ERROR }
    }
}

/// Reads the bytes of a plan behind what `out` holds.
fn read_bytes(plan: &ReadPlan, out: &mut BytesMut) -> io::Result<()> {
    let before = out.len();
    out.resize(before + plan.bytes as usize, 0);
    let read = plan.file.read_at(u64::from(plan.position), &mut out[before..]);
    out.truncate(before + read.as_ref().copied().unwrap_or(0));
    read.map(drop)
}

/// How many of `bytes`, those of `plan`, are whole batches as they were written.
///
/// No checksum covers the offset of a batch. A wrong one belongs before that of the batch in front,
/// or behind that of the next: so a batch with a gap in front of it, as compacted logs have them,
/// counts only with the next one in sight. The first batch was judged so when it was found.
///
/// # Errors
///
/// What is wrong with the first batch.
fn whole_batches(plan: &ReadPlan, bytes: &[u8]) -> Result<usize, BadBatch> {
    let first = &plan.first;
    if plan.bytes < first.bytes {
        return Ok(0); // nobody asked for so much
    }
    let (mut at, mut whole, mut due) = (0, 0, first.base);
    let bad = loop {
        let batch = match BatchView::read(&bytes[at..]) {
            Ok(batch) => batch,
            Err(bad) => break bad,
        };
        let Some(of_batch) = bytes[at..].get(..batch.bytes as usize) else { break BadBatch::Torn };
        let place = |batch: &BatchView| (batch.base, batch.last, batch.leader_epoch);
        if at == 0 && place(&batch) != place(first) {
            break BadBatch::Header;
        }
        if batch.base < due {
            break BadBatch::Order(batch.base, due);
        }
        if !batch.checksum_fits(of_batch) {
            break BadBatch::Checksum;
        }
        whole = at; // what lies before it fits to it
        at += of_batch.len();
        if batch.base == due {
            whole = at;
        }
        due = batch.last.next();
    };
    if whole == 0 { Err(bad) } else { Ok(whole) }
}

#[cfg(test)]
mod tests;
