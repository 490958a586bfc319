//! A log, a broker that answers fetches from it as Kafka does, and a reader that checks what it is
//! handed.

use bytes::{Bytes, BytesMut};
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset, PartitionIndex, Timestamp};
use ottla_protocol::messages::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use ottla_protocol::messages::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use ottla_protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use ottla_protocol::record::{BatchBuilder, Compression, Compressor, assign_offsets};

use crate::consumer::inbox::{EpochsOrder, FetchOrder, OffsetsOrder};
use crate::consumer::subscription::End;

pub(super) const TOPIC: &str = "t";

pub(super) fn offset(n: i64) -> Offset {
    Offset::new(n).unwrap()
}

/// A batch with these values, the first at `base`, of epoch 0.
pub(super) fn batch(base: i64, values: &[&[u8]], compression: Compression) -> Bytes {
    batch_of(0, base, values, compression)
}

pub(super) fn batch_of(epoch: i32, base: i64, values: &[&[u8]], compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(BytesMut::new());
    for value in values {
        builder.append(Timestamp(1), None, Some(value), &[]).unwrap();
    }
    let mut bytes = builder.seal(compression, &mut Compressor::default(), None).unwrap().bytes;
    assign_offsets(&mut bytes, offset(base), Some(LeaderEpoch(epoch)));
    bytes.freeze()
}

/// One partition's log.
#[derive(Debug, Default)]
pub(super) struct Log {
    batches: Vec<(i64, i64, Bytes)>,
    /// The offsets that hold a record, ascending. A record's value is its offset.
    pub(super) records: Vec<i64>,
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Log {
    /// Appends a batch of `count` records behind a gap, as compaction leaves them.
    pub(super) fn append(&mut self, gap: i64, count: usize, size: usize, with: Compression) {
        let base = self.end + gap;
        let offsets: Vec<i64> = (base..).take(count).collect();
        let values: Vec<Vec<u8>> = offsets.iter().map(|o| value(*o, size)).collect();
        let slices: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        let bytes = batch(base, &slices, with);
        self.end = base + i64::try_from(count).unwrap();
        self.batches.push((base, self.end, bytes));
        self.records.extend(offsets);
    }

    /// What Kafka answers: from the batch that holds `from`, up to the limit, the first one whole
    /// if `whole`, the last one cut short.
    pub(super) fn read(&self, from: i64, limit: usize, whole: bool) -> Bytes {
        let mut out = BytesMut::new();
        for (_, next, bytes) in &self.batches {
            if *next <= from.max(self.start) {
                continue;
            }
            let left = limit.saturating_sub(out.len());
            if whole && out.is_empty() {
                out.extend_from_slice(bytes);
            } else if left == 0 {
                break;
            } else {
                out.extend_from_slice(&bytes[..left.min(bytes.len())]);
            }
        }
        out.freeze()
    }

    pub(super) fn largest_batch(&self) -> usize {
        self.batches.iter().map(|b| b.2.len()).max().unwrap_or(0)
    }
}

/// What the record at `offset` holds.
pub(super) fn value(offset: i64, size: usize) -> Vec<u8> {
    let mut value = offset.to_be_bytes().to_vec();
    value.resize(size.max(8), 0x5a);
    value
}

/// Turns what a broker has for each part into its reply.
pub(super) fn fetch_reply(
    order: &FetchOrder,
    mut data: impl FnMut(usize, PartitionIndex, i64) -> (ErrorCode, Bytes),
) -> FetchResponse {
    let mut partitions = Vec::new();
    let mut left = order.bytes_max;
    for part in &order.parts {
        let limit = part.bytes_max.min(left);
        let (error_code, records) = data(limit, part.partition, part.from.offset.get());
        left = left.saturating_sub(records.len());
        partitions.push(PartitionData {
            partition_index: part.partition,
            error_code,
            records: Some(records),
            ..PartitionData::default()
        });
    }
    let responses = vec![FetchableTopicResponse {
        topic: TOPIC.into(),
        topic_id: order.parts[0].topic_id.unwrap_or_default(),
        partitions,
        ..FetchableTopicResponse::default()
    }];
    FetchResponse { responses, ..FetchResponse::default() }
}

pub(super) fn offsets_reply(
    order: &OffsetsOrder,
    answer: impl Fn(PartitionIndex, End) -> (ErrorCode, Option<i64>),
) -> ListOffsetsResponse {
    let partitions = order.parts.iter().map(|part| {
        let (error_code, found) = answer(part.partition, part.end);
        ListOffsetsPartitionResponse {
            partition_index: part.partition,
            error_code,
            offset: found.map(offset),
            ..Default::default()
        }
    });
    let topic = ListOffsetsTopicResponse {
        name: TOPIC.into(),
        partitions: partitions.collect(),
        ..Default::default()
    };
    ListOffsetsResponse { topics: vec![topic], ..Default::default() }
}

/// What a leader says about the ends of epochs; `answer` gets its own epoch and the one asked for.
pub(super) fn epochs_reply(
    order: &EpochsOrder,
    answer: impl Fn(PartitionIndex, LeaderEpoch, LeaderEpoch) -> (ErrorCode, Option<(i32, i64)>),
) -> OffsetForLeaderEpochResponse {
    let partitions = order.parts.iter().map(|part| {
        let (error_code, end) = answer(part.partition, part.leader_epoch, part.epoch);
        EpochEndOffset {
            error_code,
            partition: part.partition,
            leader_epoch: end.map(|(epoch, _)| LeaderEpoch(epoch)),
            end_offset: end.map(|(_, end)| offset(end)),
            ..Default::default()
        }
    });
    let partitions = partitions.collect();
    let topic =
        OffsetForLeaderTopicResult { topic: TOPIC.into(), partitions, ..Default::default() };
    OffsetForLeaderEpochResponse { topics: vec![topic], ..Default::default() }
}

pub(super) fn node(n: i32) -> NodeId {
    NodeId(n)
}
