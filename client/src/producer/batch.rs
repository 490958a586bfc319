//! A batch on its way: [`OpenBatch`] takes records, [`SealedBatch`] has its bytes and numbers for
//! good. By type, nothing unsealed is sent and nothing sealed grows.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_protocol::Str;
use ottla_protocol::ids::{PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp};
use ottla_protocol::record::{BatchBuilder, ProducerStamp, restamp};
use ottla_runtime::Instant;

use super::delivery::{BatchCompletion, Delivery, Failure, Receipt};
use super::error::SendError;
use super::memory::Memory;
use super::record::Record;
use super::sealer::Sealer;

/// The id and epoch under which batches are numbered (KIP-98).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Identity {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
}

/// Numbers of a batch: what makes a retry of it recognizable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) identity: Identity,
    pub(crate) first: Sequence,
}

impl Numbers {
    pub(crate) fn stamp(self) -> ProducerStamp {
        ProducerStamp {
            id: self.identity.id,
            epoch: self.identity.epoch,
            first: self.first,
            transactional: false,
        }
    }
}

/// Names a sealed batch within its partition.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct BatchId(pub(crate) u64);

/// The duty to tell some records their fate, and to give their bytes back to the budget.
#[derive(Debug)]
pub(crate) struct Claim {
    memory: Arc<Memory>,
    completion: Arc<BatchCompletion>,
    first: u32,
    records: u32,
    reserved: usize,
    /// Whether some broker may have appended them though no answer said so.
    doubt: bool,
    /// Whether a request with them is out.
    out: bool,
    told: bool,
}

impl Claim {
    fn possibly_written(&self) -> bool {
        self.doubt || self.out
    }

    fn tell(&mut self, fate: Result<Receipt, Failure>) {
        if self.told {
            return;
        }
        self.told = true;
        self.memory.release(core::mem::take(&mut self.reserved));
        if self.records > 0 {
            if self.completion.records() == 0 {
                self.completion.close(self.records);
            }
            self.completion.resolve(self.first, self.records, fate.map_err(Arc::new));
        }
    }

    /// Leaves the last `records` records to another claim.
    fn split_off(&mut self, records: u32) -> Self {
        debug_assert!(records < self.records, "both halves have records");
        let reserved = self.reserved / 2;
        self.records -= records;
        self.reserved -= reserved;
        Self {
            memory: Arc::clone(&self.memory),
            completion: Arc::clone(&self.completion),
            first: self.first + self.records,
            records,
            reserved,
            doubt: self.doubt,
            out: self.out,
            told: false,
        }
    }
}

impl Drop for Claim {
    /// No record is left without a fate, whatever ends the producer.
    fn drop(&mut self) {
        self.tell(Err(SendError::Closed { possibly_written: self.possibly_written() }.into()));
    }
}

/// A batch that takes records.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    builder: BatchBuilder,
    claim: Claim,
    opened_at: Instant,
}

impl OpenBatch {
    pub(crate) fn new(
        memory: &Arc<Memory>,
        topic: Str,
        partition: PartitionIndex,
        first_timestamp: Timestamp,
        opened_at: Instant,
        expected_bytes: usize,
    ) -> Self {
        let completion = BatchCompletion::new(topic, partition, first_timestamp);
        Self {
            builder: BatchBuilder::new(memory.buffer(expected_bytes)),
            claim: Claim {
                memory: Arc::clone(memory),
                completion: Arc::new(completion),
                first: 0,
                records: 0,
                reserved: 0,
                doubt: false,
                out: false,
                told: false,
            },
            opened_at,
        }
    }

    /// Encodes `record` behind the others.
    #[inline]
    pub(crate) fn append(
        &mut self,
        record: &Record<'_>,
        timestamp: Timestamp,
    ) -> Result<Delivery, ottla_protocol::record::AppendError> {
        let (key, value) = (record.key_bytes(), record.value_bytes());
        let index = self.builder.append(timestamp, key, value, record.header_list())?;
        self.claim.records = index + 1;
        Ok(self.claim.completion.delivery(index, timestamp))
    }

    /// Whether `timestamp` is too far from that of the first record to be in the same batch.
    pub(crate) fn is_far_from(&self, timestamp: Timestamp) -> bool {
        let first = self.builder.first_timestamp();
        !self.builder.is_empty() && timestamp.0.checked_sub(first.0).is_none()
    }

    /// Adds to what the batch may hold; the bytes were taken from the budget.
    pub(crate) fn add_reserved(&mut self, bytes: usize) {
        self.claim.reserved += bytes;
    }

    pub(crate) fn reserved(&self) -> usize {
        self.claim.reserved
    }

    pub(crate) fn len(&self) -> usize {
        self.builder.len()
    }

    pub(crate) fn records(&self) -> u32 {
        self.claim.records
    }

    pub(crate) fn opened_at(&self) -> Instant {
        self.opened_at
    }

    pub(crate) fn completion(&self) -> &Arc<BatchCompletion> {
        &self.claim.completion
    }

    /// Ends the batch with a failure before it was ever sent.
    pub(crate) fn fail(mut self, error: SendError) {
        self.claim.tell(Err(error.into()));
    }

    /// Compresses the records, writes header, numbers and checksum: the bytes are final.
    ///
    /// `None` if that fails; the records were told why.
    pub(crate) fn seal(
        mut self,
        id: BatchId,
        numbers: Option<Numbers>,
        sealer: &mut Sealer,
    ) -> Option<SealedBatch> {
        self.claim.completion.close(self.claim.records);
        let raw_len = self.builder.len();
        match sealer.seal(self.builder, numbers, &self.claim.memory) {
            Ok(body) => Some(SealedBatch {
                id,
                body: body.freeze(),
                raw_len,
                numbers,
                claim: self.claim,
                opened_at: self.opened_at,
            }),
            Err(why) => {
                self.claim.tell(Err(SendError::Sealing(why).into()));
                None
            }
        }
    }
}

/// A batch whose bytes are final, until its fate is known.
#[derive(Debug)]
pub(crate) struct SealedBatch {
    id: BatchId,
    body: Bytes,
    /// How many bytes it had before compression.
    raw_len: usize,
    numbers: Option<Numbers>,
    claim: Claim,
    opened_at: Instant,
}

impl SealedBatch {
    pub(crate) fn id(&self) -> BatchId {
        self.id
    }

    /// The bytes to send; shared, not copied.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn raw_len(&self) -> usize {
        self.raw_len
    }

    pub(crate) fn numbers(&self) -> Option<Numbers> {
        self.numbers
    }

    pub(crate) fn records(&self) -> u32 {
        self.claim.records
    }

    pub(crate) fn opened_at(&self) -> Instant {
        self.opened_at
    }

    /// Whether some broker may have appended it though no answer said so.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.claim.doubt
    }

    /// Notes that a broker may have appended it.
    pub(crate) fn doubt(&mut self) {
        self.claim.doubt = true;
    }

    /// Notes whether a request with it is out.
    pub(crate) fn set_out(&mut self, out: bool) {
        self.claim.out = out;
    }

    /// Whether it may be in the log, or may still get there.
    pub(crate) fn is_possibly_written(&self) -> bool {
        self.claim.possibly_written()
    }

    /// Tells the records their fate; their buffer goes back to the pool if no connection holds it.
    pub(crate) fn settle(mut self, fate: Result<Receipt, Failure>) {
        self.claim.memory.recycle(core::mem::take(&mut self.body));
        self.claim.tell(fate);
    }

    /// Gives the batch other numbers. Only for one that is certainly not in the log.
    pub(crate) fn renumber(&mut self, numbers: Numbers) {
        assert!(!self.claim.doubt, "a batch once sent keeps its numbers until its fate is known");
        let body = core::mem::take(&mut self.body);
        let mut body = body.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        restamp(&mut body, Some(numbers.stamp()));
        self.body = body.freeze();
        self.numbers = Some(numbers);
    }

    /// Splits a batch that is too large for the broker in two (KIP-126), each with its share of the
    /// numbers. Gives it back if it has only one record or cannot be read.
    pub(crate) fn split(
        mut self,
        ids: [BatchId; 2],
        sealer: &mut Sealer,
    ) -> Result<[Self; 2], Box<Self>> {
        if self.claim.records < 2 {
            return Err(Box::new(self));
        }
        let halves = sealer.halves(&self.body, self.raw_len, self.numbers, &self.claim.memory);
        let Ok([left, right]) = halves else { return Err(Box::new(self)) };
        let right_claim = self.claim.split_off(right.records);
        debug_assert_eq!(self.claim.records, left.records);
        let numbers = self.numbers.map(|n| Numbers { first: n.first.after(left.records), ..n });
        let opened_at = self.opened_at;
        self.claim.memory.recycle(self.body);
        let [left_id, right_id] = ids;
        Ok([
            Self {
                id: left_id,
                body: left.body,
                raw_len: left.raw_len,
                numbers: self.numbers,
                claim: self.claim,
                opened_at,
            },
            Self {
                id: right_id,
                body: right.body,
                raw_len: right.raw_len,
                numbers,
                claim: right_claim,
                opened_at,
            },
        ])
    }
}
