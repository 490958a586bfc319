//! A cluster in a few lines, for tests: it judges batches as kafka-broker does (leader, numbers of
//! idempotent producers, size), and its connections lose, delay and cut.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{NodeId, Offset, PartitionIndex};
use ottla_protocol::messages::produce::{
    PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};

use super::{Outgoing, OutgoingTopic, RequestId};

/// What a partition's log knows of a producer id: its epoch and its last batches.
#[derive(Default)]
pub(super) struct Known {
    epoch: i16,
    /// First and last number, and the offset of the first record; at most 5.
    batches: VecDeque<(i32, i32, usize)>,
}

/// A partition: the values appended to it, and who leads it.
#[derive(Default)]
pub(super) struct Log {
    pub(super) values: Vec<u64>,
    pub(super) leader: i32,
    pub(super) producers: BTreeMap<i64, Known>,
}

/// What goes wrong with the next batch for a partition.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mishap {
    /// Refused with that code, not appended.
    Refuse(ErrorCode),
    /// Appended, and answered with that code.
    AppendThen(ErrorCode),
}

/// All partitions, their mishaps, and the largest batch taken.
#[derive(Default)]
pub(super) struct Brokers {
    pub(super) logs: BTreeMap<(String, i32), Log>,
    pub(super) mishaps: BTreeMap<(String, i32), Mishap>,
    pub(super) batch_bytes_max: Option<usize>,
}

/// The values that the batch holds, each a number of 8 bytes without key or headers.
pub(super) fn values_of(batch: &[u8]) -> Vec<u64> {
    let mut rest = &batch[61..];
    let mut values = Vec::new();
    while !rest.is_empty() {
        let length = usize::from(rest[0]) / 2; // a record this small has a length of one byte
        assert!(rest[0] < 0x80, "a small record");
        let record = &rest[1..=length];
        let value = &record[length - 9..length - 1];
        values.push(u64::from_be_bytes(value.try_into().unwrap()));
        rest = &rest[length + 1..];
    }
    values
}

fn number<const N: usize>(batch: &[u8], at: usize) -> [u8; N] {
    batch[at..at + N].try_into().unwrap()
}

impl Log {
    /// Kafka's rules for a batch of an idempotent producer; its offset, if it is or was appended.
    fn append(&mut self, batch: &[u8]) -> Result<usize, ErrorCode> {
        let id = i64::from_be_bytes(number(batch, 43));
        let epoch = i16::from_be_bytes(number(batch, 51));
        let first = i32::from_be_bytes(number(batch, 53));
        let last_delta = i32::from_be_bytes(number(batch, 23));
        let values = values_of(batch);
        assert_eq!(usize::try_from(last_delta + 1).unwrap(), values.len(), "a true count");
        let offset = self.values.len();
        if id < 0 {
            self.values.extend(values);
            return Ok(offset);
        }
        let wrapped = |n: i64| i32::try_from(n & 0x7fff_ffff).unwrap();
        let last = wrapped(i64::from(first) + i64::from(last_delta));
        if let Some(known) = self.producers.get(&id) {
            if epoch < known.epoch {
                return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
            }
            let ours = known.batches.iter().filter(|_| epoch == known.epoch);
            if let Some((.., offset)) = ours.clone().find(|b| (b.0, b.1) == (first, last)) {
                return Ok(*offset);
            }
            let expected = ours.clone().next_back().map_or(0, |b| wrapped(i64::from(b.1) + 1));
            if first != expected {
                return Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
            }
        }
        let known = self.producers.entry(id).or_default();
        if known.epoch != epoch {
            *known = Known { epoch, batches: VecDeque::new() };
        }
        known.batches.push_back((first, last, offset));
        if known.batches.len() > 5 {
            known.batches.pop_front();
        }
        self.values.extend(values);
        Ok(offset)
    }
}

impl Brokers {
    fn judge(&mut self, node: NodeId, topic: &str, index: i32, batch: &[u8]) -> (ErrorCode, usize) {
        let key = (topic.to_owned(), index);
        let mishap = self.mishaps.remove(&key);
        let Some(log) = self.logs.get_mut(&key) else {
            return (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0);
        };
        if log.leader != node.0 {
            return (ErrorCode::NOT_LEADER_OR_FOLLOWER, 0);
        }
        if self.batch_bytes_max.is_some_and(|max| batch.len() > max) {
            return (ErrorCode::MESSAGE_TOO_LARGE, 0);
        }
        match mishap {
            Some(Mishap::Refuse(code)) => return (code, 0),
            Some(Mishap::AppendThen(code)) => {
                let appended = log.append(batch);
                return (appended.map_or_else(|refusal| refusal, |_| code), 0);
            }
            None => {}
        }
        match log.append(batch) {
            Ok(offset) => (ErrorCode::NONE, offset),
            Err(code) => (code, 0),
        }
    }

    /// What node `node` does with a request.
    pub(super) fn process(&mut self, node: NodeId, topics: &[OutgoingTopic]) -> ProduceResponse {
        let mut response = ProduceResponse::default();
        for topic in topics {
            let mut answer =
                TopicProduceResponse { name: topic.name.clone(), ..Default::default() };
            for (index, batch) in &topic.batches {
                let (error_code, offset) = self.judge(node, &topic.name, index.0, batch);
                let offset = Offset::new(i64::try_from(offset).unwrap());
                answer.partition_responses.push(PartitionProduceResponse {
                    index: *index,
                    error_code,
                    base_offset: offset.filter(|_| error_code.is_none()),
                    ..Default::default()
                });
            }
            response.responses.push(answer);
        }
        response
    }
}

/// One connection: requests that the broker has not read, replies that the client has not read.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) requests: VecDeque<(RequestId, Vec<OutgoingTopic>)>,
    pub(super) replies: VecDeque<(RequestId, ProduceResponse)>,
}

impl Wire {
    pub(super) fn push(&mut self, outgoing: Outgoing) {
        for topic in &outgoing.topics {
            let mut seen = Vec::<PartitionIndex>::new();
            for (index, batch) in &topic.batches {
                assert!(!seen.contains(index), "one batch for each partition of a request");
                seen.push(*index);
                let crc = crc_of(batch);
                assert_eq!(u32::from_be_bytes(number(batch, 17)), crc, "a true checksum");
            }
        }
        self.requests.push_back((outgoing.request, outgoing.topics));
    }
}

fn crc_of(batch: &Bytes) -> u32 {
    // bit by bit: CRC-32C
    !batch[21..].iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 }
        })
    })
}
