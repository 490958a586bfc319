//! Records as the application sees them: borrowed views of what one poll brought, and values that
//! own their share of the fetch buffer.

use core::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::ids::{LeaderEpoch, Offset, PartitionIndex, Timestamp};
use ottla_protocol::record::{Header, HeaderRef, RecordRef};

use super::decode::{Block, BlockIter};
use super::subscription::TopicPartition;

/// Who set a record's timestamp. Kafka: `message.timestamp.type`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimestampType {
    /// The producer, when the record was made.
    CreateTime,
    /// The broker, when the batch was appended.
    LogAppendTime,
}

/// A record that can be kept, sent to other tasks, and taken apart.
///
/// Key, value and headers are slices of the fetch response, or of the decompressed batch, that the
/// record came in: nothing was copied, but one small record that is kept keeps all of that in
/// memory. [`ConsumerRecord::into_owned`] copies and lets go.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConsumerRecord {
    /// The topic it was read from.
    pub topic: Arc<str>,
    /// The partition it was read from.
    pub partition: PartitionIndex,
    /// Its position in the partition.
    pub offset: Offset,
    /// Milliseconds since 1970; see `timestamp_type`.
    pub timestamp: Timestamp,
    /// Who set the timestamp.
    pub timestamp_type: TimestampType,
    /// The leader epoch in which it was appended; `None` from brokers that have none.
    pub leader_epoch: Option<LeaderEpoch>,
    /// The key; `None` is Kafka's null, which is not the empty key.
    pub key: Option<Bytes>,
    /// The value; `None` is Kafka's null, which deletes the key from a compacted topic.
    pub value: Option<Bytes>,
    /// The headers, in order; names may repeat.
    pub headers: Vec<Header>,
}

impl ConsumerRecord {
    /// Where it was read from.
    #[must_use]
    pub fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: Arc::clone(&self.topic), partition: self.partition }
    }

    /// The same record with its own memory, so that the fetch buffer can be freed.
    #[must_use]
    pub fn into_owned(self) -> Self {
        let own = |bytes: Bytes| Bytes::copy_from_slice(&bytes);
        let headers = self.headers.into_iter();
        Self {
            key: self.key.map(own),
            value: self.value.map(own),
            headers: headers
                .map(|h| Header { key: (&*h.key).into(), value: h.value.map(own) })
                .collect(),
            ..self
        }
    }
}

/// A record, borrowed from the [`Records`] it came in. Costs nothing to make.
#[derive(Clone)]
pub struct RecordView<'a> {
    block: &'a Block,
    record: RecordRef<'a>,
}

impl<'a> RecordView<'a> {
    pub(super) const fn new(block: &'a Block, record: RecordRef<'a>) -> Self {
        Self { block, record }
    }

    /// The topic it was read from.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        &self.block.partition().topic
    }

    /// The partition it was read from.
    #[must_use]
    pub fn partition(&self) -> PartitionIndex {
        self.block.partition().partition
    }

    /// Its position in the partition.
    #[must_use]
    #[inline]
    pub fn offset(&self) -> Offset {
        self.record.offset
    }

    /// Milliseconds since 1970; see [`RecordView::timestamp_type`].
    #[must_use]
    #[inline]
    pub fn timestamp(&self) -> Timestamp {
        self.record.timestamp
    }

    /// Who set the timestamp.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        self.block.timestamp_type()
    }

    /// The leader epoch in which it was appended; `None` from brokers that have none.
    #[must_use]
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.block.leader_epoch()
    }

    /// The key; `None` is Kafka's null, which is not the empty key.
    #[must_use]
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.record.key
    }

    /// The value; `None` is Kafka's null, which deletes the key from a compacted topic.
    #[must_use]
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.record.value
    }

    /// The headers, in order; names may repeat.
    pub fn headers(&self) -> impl Iterator<Item = HeaderRef<'a>> + use<'a> {
        self.record.headers()
    }

    /// The record as a value that shares the memory of this one; nothing is copied.
    #[must_use]
    #[inline]
    pub fn to_record(&self) -> ConsumerRecord {
        self.block.own(&self.record)
    }
}

impl fmt::Debug for RecordView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_record().fmt(f)
    }
}

/// What one [`poll`](super::Consumer::poll) brought: records of one or several partitions, in order
/// within each.
///
/// Iterating borrows: `for record in &records` gives [`RecordView`]s, and neither copies nor
/// allocates. `for record in records` gives [`ConsumerRecord`]s.
#[derive(Default)]
pub struct Records {
    blocks: Vec<Block>,
}

impl Records {
    pub(super) const fn new(blocks: Vec<Block>) -> Self {
        Self { blocks }
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.iter().map(Block::len).sum()
    }

    /// Whether there are none; only after [`poll_timeout`](super::Consumer::poll_timeout).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All records, one partition after the other.
    #[must_use]
    pub fn iter(&self) -> RecordsIter<'_> {
        RecordsIter { blocks: self.blocks.iter(), current: None }
    }

    /// The records of each partition.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionRecords<'_>> {
        self.blocks
            .chunk_by(|a, b| a.partition() == b.partition())
            .map(|blocks| PartitionRecords { blocks })
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.partitions()).finish()
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = RecordView<'a>;
    type IntoIter = RecordsIter<'a>;

    fn into_iter(self) -> RecordsIter<'a> {
        self.iter()
    }
}

impl IntoIterator for Records {
    type Item = ConsumerRecord;
    type IntoIter = RecordsIntoIter;

    fn into_iter(self) -> RecordsIntoIter {
        RecordsIntoIter { blocks: self.blocks.into_iter(), current: None }
    }
}

/// The records of one partition; at least one.
#[derive(Clone, Copy)]
pub struct PartitionRecords<'a> {
    /// Of one partition, never empty.
    blocks: &'a [Block],
}

impl<'a> PartitionRecords<'a> {
    /// Which partition.
    #[must_use]
    pub fn topic_partition(&self) -> &'a TopicPartition {
        self.blocks[0].partition()
    }

    /// How many records there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.blocks.iter().map(Block::len).sum()
    }

    /// The records, in order.
    #[must_use]
    pub fn iter(&self) -> RecordsIter<'a> {
        RecordsIter { blocks: self.blocks.iter(), current: None }
    }

    /// The leader epoch in which the last of them was appended: what
    /// [`Consumer::seek_with_epoch`](super::Consumer::seek_with_epoch) takes with
    /// [`PartitionRecords::next_offset`]. `None` from brokers that have none.
    #[must_use]
    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.blocks[self.blocks.len() - 1].leader_epoch()
    }

    /// The position behind these records: what to seek to, or to store, once they are processed.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.blocks[self.blocks.len() - 1].next()
    }
}

impl<'a> IntoIterator for PartitionRecords<'a> {
    type Item = RecordView<'a>;
    type IntoIter = RecordsIter<'a>;

    fn into_iter(self) -> RecordsIter<'a> {
        self.iter()
    }
}

impl fmt::Debug for PartitionRecords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records of {}", self.len(), self.topic_partition())
    }
}

/// Goes through records without copying them; see [`Records::iter`].
#[derive(Clone, Debug)]
pub struct RecordsIter<'a> {
    blocks: core::slice::Iter<'a, Block>,
    current: Option<BlockIter<'a>>,
}

impl<'a> Iterator for RecordsIter<'a> {
    type Item = RecordView<'a>;

    #[inline]
    fn next(&mut self) -> Option<RecordView<'a>> {
        loop {
            if let Some(view) = self.current.as_mut().and_then(Iterator::next) {
                return Some(view);
            }
            self.current = Some(self.blocks.next()?.iter());
        }
    }
}

/// Takes records apart into values; from `records.into_iter()`.
#[derive(Debug)]
pub struct RecordsIntoIter {
    blocks: std::vec::IntoIter<Block>,
    current: Option<Block>,
}

impl Iterator for RecordsIntoIter {
    type Item = ConsumerRecord;

    #[inline]
    fn next(&mut self) -> Option<ConsumerRecord> {
        loop {
            if let Some(record) = self.current.as_mut().and_then(Block::next_record) {
                return Some(record);
            }
            self.current = Some(self.blocks.next()?);
        }
    }
}
