//! One rule, one test.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Uuid};
use ottla_protocol::record::Compression;
use ottla_runtime::Instant;

use super::model::{TOPIC, batch, fetch_reply, node, offset, offsets_reply, value};
use crate::consumer::config::{ConsumerConfig, OffsetReset};
use crate::consumer::decode::Decoder;
use crate::consumer::error::PollError;
use crate::consumer::inbox::{Effect, FetchOrder, Inbox, Leadership, OffsetsOrder, Taken};
use crate::consumer::subscription::{Assignment, Position, Start, TopicPartition};

/// A machine with partitions 0.. of one topic assigned at offset 0, all led by node 0.
pub(super) struct Desk {
    pub(super) inbox: Inbox,
    decoder: Decoder,
    pub(super) now: Instant,
    errors: VecDeque<PollError>,
}

pub(super) fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new(TOPIC, partition)
}

pub(super) fn records(base: i64, count: i64, size: usize) -> Bytes {
    let values: Vec<_> = (base..base + count).map(|o| value(o, size)).collect();
    let slices: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
    batch(base, &slices, Compression::None)
}

pub(super) fn known(leader: i32) -> Leadership {
    Leadership::Known {
        leader: Some(node(leader)),
        epoch: Some(LeaderEpoch(3)),
        topic_id: Some(Uuid([1; 16])),
    }
}

impl Desk {
    pub(super) fn new(partitions: i32, config: ConsumerConfig) -> Self {
        let decoder = Decoder::new(&config);
        let mut inbox = Inbox::new(config);
        let all = (0..partitions).map(|p| Assignment::from((TOPIC, p, Start::At(offset(0)))));
        inbox.assign(all.collect());
        inbox.on_metadata(Instant::ZERO, |_| known(0));
        Self { inbox, decoder, now: Instant::ZERO, errors: VecDeque::new() }
    }

    pub(super) fn with(partitions: i32) -> Self {
        Self::new(partitions, ConsumerConfig::default())
    }

    pub(super) fn effects(&mut self) -> Vec<Effect> {
        core::iter::from_fn(|| self.inbox.poll(self.now)).collect()
    }

    pub(super) fn orders(&mut self) -> Vec<Arc<FetchOrder>> {
        let fetch = |effect| match effect {
            Effect::Fetch(order) => Some(order),
            _ => None,
        };
        self.effects().into_iter().filter_map(fetch).collect()
    }

    pub(super) fn order(&mut self) -> Arc<FetchOrder> {
        let mut orders = self.orders();
        assert_eq!(orders.len(), 1, "{orders:?}");
        orders.remove(0)
    }

    pub(super) fn question(&mut self) -> Arc<OffsetsOrder> {
        let ask = |effect| match effect {
            Effect::AskOffsets(order) => Some(order),
            _ => None,
        };
        self.effects().into_iter().find_map(ask).unwrap()
    }

    pub(super) fn reply(&mut self, order: &FetchOrder, answers: &[(i32, ErrorCode, Bytes)]) {
        let reply = fetch_reply(order, |_, partition, _| {
            let found = answers.iter().find(|a| a.0 == partition.0);
            found.map_or((ErrorCode::NONE, Bytes::new()), |a| (a.1, a.2.clone()))
        });
        self.inbox.on_fetch_reply(order.node, Ok(reply), self.now);
    }

    pub(super) fn data(&mut self, order: &FetchOrder, partition: i32, records: Bytes) {
        self.reply(order, &[(partition, ErrorCode::NONE, records)]);
    }

    fn decode(&mut self) {
        let mut work = Vec::new();
        self.inbox.start_decoding(usize::MAX, &mut work);
        self.decoder.run(&mut work, usize::MAX);
        self.inbox.finish_decoding(&mut work);
    }

    /// All offsets that can be had now.
    pub(super) fn take(&mut self) -> Vec<i64> {
        self.decode();
        let mut offsets = Vec::new();
        loop {
            match self.inbox.take_record() {
                Taken::Some(record) => offsets.push(record.offset.get()),
                Taken::Error(error) => self.errors.push_back(error),
                Taken::Nothing => return offsets,
            }
        }
    }

    /// The next error; there must be no record.
    pub(super) fn error(&mut self) -> Option<PollError> {
        assert_eq!(self.take(), [0_i64; 0]);
        self.errors.pop_front()
    }

    pub(super) fn position(&self, partition: i32) -> Position {
        self.inbox.position(&tp(partition)).unwrap()
    }

    /// Lets time pass until the machine wants to act.
    pub(super) fn wait(&mut self) {
        self.now = self.inbox.next_deadline().unwrap().max(self.now);
    }
}

#[test]
fn a_reply_from_before_a_seek_is_dropped_wherever_it_is() {
    type Step = fn(&mut Desk, &FetchOrder);
    let steps: [(&str, Step); 3] = [
        ("in flight", |_, _| {}),
        ("fetched", |desk, order| desk.data(order, 0, records(0, 5, 8))),
        ("decoded", |desk, order| {
            desk.data(order, 0, records(0, 5, 8));
            desk.decode();
        }),
    ];
    for (rule, reach) in steps {
        let mut desk = Desk::with(1);
        let old = desk.order();
        reach(&mut desk, &old);
        desk.inbox.seek(&tp(0), Start::At(offset(2))).unwrap();
        desk.data(&old, 0, records(0, 5, 8));
        assert_eq!(desk.take(), [0_i64; 0], "{rule}");
        let order = desk.order();
        assert_eq!(order.parts[0].from.offset, offset(2), "{rule}");
        desk.data(&order, 0, records(0, 5, 8));
        assert_eq!(desk.take(), [2, 3, 4], "{rule}");
        let order = desk.orders();
        desk.data(&order[0], 0, Bytes::new());
        assert_eq!(desk.inbox.bytes(), 0, "{rule}: nothing leaks");
    }
}

#[test]
fn what_is_decoded_while_a_seek_comes_is_dropped() {
    let mut desk = Desk::with(1);
    let order = desk.order();
    desk.data(&order, 0, records(0, 5, 8));
    let mut work = Vec::new();
    desk.inbox.start_decoding(usize::MAX, &mut work);
    desk.inbox.seek(&tp(0), Start::At(offset(0))).unwrap();
    desk.decoder.run(&mut work, usize::MAX);
    desk.inbox.finish_decoding(&mut work);
    assert_eq!(desk.take(), [0_i64; 0]);
    assert_eq!(desk.inbox.bytes(), 0);
}

#[test]
fn a_pause_is_silent_and_a_resume_does_not_rewind() {
    let mut desk = Desk::with(1);
    let order = desk.order();
    desk.data(&order, 0, records(0, 4, 8));
    desk.decode();
    assert!(matches!(desk.inbox.take_record(), Taken::Some(r) if r.offset == offset(0)));
    desk.inbox.pause(&tp(0), true).unwrap();
    assert_eq!(desk.take(), [0_i64; 0]);
    desk.inbox.pause(&tp(0), false).unwrap();
    desk.inbox.pause(&tp(0), false).unwrap(); // once too often
    assert_eq!(desk.take(), [1, 2, 3], "the buffer was kept, the position stayed");
}

#[test]
fn an_offset_out_of_range_resets_as_the_policy_says_but_only_the_position_that_was_fetched() {
    let gone = |desk: &mut Desk, order: &FetchOrder| {
        desk.reply(order, &[(0, ErrorCode::OFFSET_OUT_OF_RANGE, Bytes::new())]);
    };
    for reset in [OffsetReset::Earliest, OffsetReset::Latest, OffsetReset::Error] {
        let mut desk = Desk::new(1, ConsumerConfig { reset, ..ConsumerConfig::default() });
        let order = desk.order();
        gone(&mut desk, &order);
        if reset == OffsetReset::Error {
            let error = desk.error().unwrap();
            assert!(matches!(error, PollError::OffsetOutOfRange { .. }), "{error}");
            assert!(desk.error().is_none(), "told once");
            assert!(desk.orders().is_empty(), "nothing is read before a seek");
            desk.inbox.seek(&tp(0), Start::At(offset(9))).unwrap();
            assert_eq!(desk.order().parts[0].from.offset, offset(9));
            continue;
        }
        let question = desk.question();
        let reply = offsets_reply(&question, |_, _| (ErrorCode::NONE, Some(40)));
        desk.inbox.on_offsets_reply(&question, Ok(reply));
        assert_eq!(desk.position(0), Position::At(offset(40)), "{reset:?}");
    }
    let mut desk = Desk::with(1);
    let order = desk.order();
    desk.data(&order, 0, records(0, 3, 8));
    let next = desk.order();
    gone(&mut desk, &next);
    assert_eq!(desk.take(), [0, 1, 2], "what was read before comes first");
    assert!(desk.effects().is_empty());
    desk.wait();
    let again = desk.order();
    gone(&mut desk, &again);
    assert!(matches!(desk.position(0), Position::Ask(_)), "now it is the position");
}

#[test]
fn an_error_that_passes_never_moves_the_position() {
    for code in [
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::FENCED_LEADER_EPOCH,
        ErrorCode::UNKNOWN_LEADER_EPOCH,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode::UNKNOWN_TOPIC_ID,
        ErrorCode::INCONSISTENT_TOPIC_ID,
        ErrorCode::OFFSET_NOT_AVAILABLE,
        ErrorCode::REPLICA_NOT_AVAILABLE,
        ErrorCode::KAFKA_STORAGE_ERROR,
        ErrorCode::UNKNOWN_SERVER_ERROR,
    ] {
        let mut desk = Desk::with(1);
        let order = desk.order();
        desk.reply(&order, &[(0, code, Bytes::new())]);
        let effects = desk.effects();
        assert!(matches!(effects[..], [Effect::RefreshMetadata]), "{code}: {effects:?}");
        assert!(desk.error().is_none(), "{code} is no concern of the application");
        desk.wait();
        assert_eq!(desk.order().parts[0].from.offset, offset(0), "{code}");
    }
}

#[test]
fn a_refusal_is_told_after_the_records_before_it_and_reading_goes_on() {
    let mut desk = Desk::with(2);
    let order = desk.order();
    desk.data(&order, 0, records(0, 2, 8));
    let order = desk.order();
    let refused = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let more = records(0, 1, 8);
    desk.reply(&order, &[(0, refused, Bytes::new()), (1, ErrorCode::NONE, more)]);
    assert_eq!(desk.take(), [0, 1, 0]);
    let error = desk.error().unwrap();
    assert!(matches!(&error, PollError::Broker { code, .. } if *code == refused), "{error}");
    let other = desk.order();
    assert_eq!(other.parts.len(), 1, "only the other partition is asked for at once");
}

#[test]
fn a_new_leader_is_asked_at_once_and_the_old_ones_reply_no_longer_counts() {
    let mut desk = Desk::with(1);
    let old = desk.order();
    desk.inbox.on_metadata(desk.now, |_| known(1));
    let new = desk.order();
    assert_eq!((new.node, new.parts[0].from.offset), (NodeId(1), offset(0)));
    desk.data(&old, 0, records(0, 2, 8));
    assert_eq!(desk.take(), [0_i64; 0]);
    desk.data(&new, 0, records(0, 2, 8));
    assert_eq!(desk.take(), [0, 1]);
}

#[test]
fn a_recreated_topic_is_read_from_its_start_or_is_an_error_under_the_strict_policy() {
    for reset in [OffsetReset::Earliest, OffsetReset::Latest, OffsetReset::Error] {
        let mut desk = Desk::new(1, ConsumerConfig { reset, ..ConsumerConfig::default() });
        let order = desk.order();
        desk.data(&order, 0, records(0, 3, 8));
        desk.inbox.on_metadata(desk.now, |_| Leadership::Known {
            leader: Some(node(0)),
            epoch: Some(LeaderEpoch(0)),
            topic_id: Some(Uuid([2; 16])),
        });
        assert_eq!(desk.take(), [0_i64; 0], "{reset:?}: the old topic's records are void");
        if reset == OffsetReset::Error {
            let error = desk.error().unwrap();
            assert!(matches!(error, PollError::TopicRecreated { .. }), "{error}");
            continue;
        }
        let question = desk.question();
        let reply = offsets_reply(&question, |_, end| {
            assert_eq!(end, crate::consumer::subscription::End::Earliest);
            (ErrorCode::NONE, Some(0))
        });
        desk.inbox.on_offsets_reply(&question, Ok(reply));
        assert_eq!(desk.position(0), Position::At(offset(0)), "{reset:?}");
    }
}

#[test]
fn a_missing_topic_is_told_after_a_while_and_looked_for_all_the_time() {
    let mut desk = Desk::with(1);
    let missing = Leadership::Missing(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let mut told = Vec::new();
    let mut refreshes = 0;
    while desk.now < Instant::from_millis(70_000) {
        desk.inbox.on_metadata(desk.now, |_| missing);
        let effects = desk.effects();
        refreshes += effects.iter().filter(|e| matches!(e, Effect::RefreshMetadata)).count();
        if let Some(error) = desk.error() {
            assert!(matches!(error, PollError::UnknownPartition { .. }) && error.is_retriable());
            told.push(desk.now.since_start().as_secs());
        }
        desk.wait();
    }
    assert_eq!(told, [3, 63], "not at once, it may be just being created; not all the time");
    assert!((50..200).contains(&refreshes), "{refreshes}");
    desk.inbox.on_metadata(desk.now, |_| known(0));
    assert!(!desk.orders().is_empty() || !desk.orders().is_empty(), "found, and read at once");
    assert!(desk.error().is_none());
}

#[test]
fn a_full_partition_is_left_out_and_its_broker_asked_for_the_rest_without_long_polls() {
    let config = ConsumerConfig { partition_fetch_bytes_max: 1_000, ..ConsumerConfig::default() };
    let mut desk = Desk::new(2, config);
    let order = desk.order();
    assert_eq!((order.parts.len(), order.max_wait), (2, Duration::from_millis(500)));
    desk.data(&order, 0, records(0, 2, 600));
    let mut waits = Vec::new();
    for _ in 0..8 {
        let order = desk.order();
        assert_eq!(order.parts.len(), 1);
        assert_eq!(order.parts[0].partition.0, 1);
        waits.push(order.max_wait.as_millis());
        desk.reply(&order, &[]);
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 320, 500, 500]);
    let order = desk.order();
    assert_eq!(desk.take(), [0, 1]);
    assert!(desk.inbox.take_nudge(), "the driver must look again");
    desk.reply(&order, &[]);
    assert_eq!(desk.order().parts.len(), 2);
}

#[test]
fn brokers_share_the_buffer_and_wait_until_the_application_has_taken_something() {
    let config = ConsumerConfig {
        fetch_buffer_bytes_max: 8_000,
        partition_fetch_bytes_max: 4_000,
        ..ConsumerConfig::default()
    };
    let mut desk = Desk::new(4, config);
    desk.inbox.on_metadata(desk.now, |p| known(p.partition.0 % 2));
    let orders = desk.orders();
    assert_eq!(orders.iter().map(|o| o.bytes_max).collect::<Vec<_>>(), [2_000, 2_000]);
    desk.data(&orders[0], 0, records(0, 1, 1_900));
    desk.data(&orders[1], 1, records(0, 1, 1_900));
    let orders = desk.orders();
    assert_eq!(orders.len(), 2, "half is for what is under way");
    desk.data(&orders[0], 2, records(0, 1, 1_900));
    desk.data(&orders[1], 3, records(0, 1, 1_900));
    assert!(desk.orders().is_empty(), "{} bytes", desk.inbox.bytes());
    assert_eq!(desk.take(), [0, 0, 0, 0]);
    assert!(desk.inbox.take_nudge());
    assert_eq!(desk.orders().len(), 2);
}

#[test]
fn a_paused_partition_does_not_starve_the_others() {
    let config = ConsumerConfig {
        fetch_buffer_bytes_max: 4_000,
        partition_fetch_bytes_max: 4_000,
        ..ConsumerConfig::default()
    };
    let mut desk = Desk::new(2, config);
    let order = desk.order();
    desk.data(&order, 0, records(0, 2, 1_900));
    desk.inbox.pause(&tp(0), true).unwrap();
    let order = desk.order();
    assert_eq!(order.parts[0].partition.0, 1);
    desk.data(&order, 1, records(0, 1, 100));
    assert_eq!(desk.take(), [0]);
    desk.inbox.pause(&tp(0), false).unwrap();
    let order = desk.orders();
    desk.reply(&order[0], &[]);
    let order = desk.order();
    desk.data(&order, 0, records(0, 2, 1_900));
    assert_eq!(desk.take(), [0, 1], "dropped, and fetched again from the position");
}

#[test]
fn a_batch_larger_than_every_limit_is_read() {
    let config = ConsumerConfig {
        fetch_buffer_bytes_max: 100,
        partition_fetch_bytes_max: 10,
        fetch_max_bytes: 10,
        ..ConsumerConfig::default()
    };
    let mut desk = Desk::new(1, config);
    for base in 0..3 {
        let order = desk.order();
        assert!(order.bytes_max <= 10);
        desk.data(&order, 0, records(base, 1, 5_000));
        assert!(desk.orders().is_empty(), "the buffer is more than full");
        assert_eq!(desk.take(), [base]);
    }
}

#[test]
fn a_batch_that_starts_below_the_position_is_cut_and_one_cut_short_by_the_broker_is_fetched_again()
{
    let mut desk = Desk::with(1);
    desk.inbox.seek(&tp(0), Start::At(offset(3))).unwrap();
    let order = desk.order();
    let tail = records(5, 4, 50);
    let both = [records(0, 5, 8), tail.slice(..tail.len() - 1)].concat();
    desk.data(&order, 0, both.into());
    let order = desk.order();
    assert_eq!(order.parts[0].from.offset, offset(5), "known before anything is decoded");
    assert_eq!(desk.take(), [3, 4]);
    desk.data(&order, 0, tail);
    assert_eq!(desk.take(), [5, 6, 7, 8]);
}

#[test]
fn a_damaged_batch_is_an_error_with_its_place_and_the_others_go_on() {
    for (rule, at) in [("checksum", 80), ("header", 16)] {
        let mut desk = Desk::with(2);
        let order = desk.order();
        let mut bytes = [records(0, 2, 8), records(2, 3, 8)].concat();
        let second = records(0, 2, 8).len();
        bytes[second + at] ^= 1;
        let fine = records(0, 1, 8);
        let (none, bytes) = (ErrorCode::NONE, Bytes::from(bytes));
        desk.reply(&order, &[(0, none, bytes), (1, none, fine)]);
        let taken = desk.take();
        assert_eq!(taken.len(), 3, "{rule}: {taken:?}");
        let error = desk.error().unwrap();
        let PollError::Corrupt { partition, offset: at, .. } = &error else { panic!("{error}") };
        assert_eq!((partition, *at), (&tp(0), offset(2)), "{rule}");
        assert_eq!(desk.position(0), Position::At(offset(2)), "{rule}");
        desk.inbox.seek(&tp(0), Start::At(offset(5))).unwrap();
        assert_eq!(desk.order().parts.len(), 2, "{rule}: skipped by a seek");
        assert!(desk.error().is_none(), "{rule}");
    }
}

#[test]
fn a_damaged_batch_is_fetched_again_after_a_while() {
    let mut desk = Desk::with(1);
    let order = desk.order();
    let mut bytes = records(0, 3, 8).to_vec();
    bytes[80] ^= 1;
    desk.data(&order, 0, bytes.into());
    let error = desk.error().unwrap();
    let PollError::Corrupt { offset: at, next, .. } = &error else { panic!("{error}") };
    assert_eq!((*at, *next), (offset(0), Some(offset(3))));
    assert!(desk.orders().is_empty(), "not at once");
    desk.wait();
    let order = desk.order();
    desk.data(&order, 0, records(0, 3, 8));
    assert_eq!(desk.take(), [0, 1, 2], "it was damaged on its way only");
}

#[test]
fn a_question_for_an_offset_stays_until_it_is_answered() {
    let mut desk = Desk::with(1);
    desk.inbox.seek(&tp(0), Start::Earliest).unwrap();
    for code in [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::OFFSET_NOT_AVAILABLE] {
        let question = desk.question();
        let reply = offsets_reply(&question, |_, _| (code, None));
        desk.inbox.on_offsets_reply(&question, Ok(reply));
        assert!(matches!(desk.position(0), Position::Ask(_)), "{code}");
        drop(desk.effects());
        desk.wait();
    }
    let question = desk.question();
    desk.inbox.seek(&tp(0), Start::At(offset(5))).unwrap();
    let reply = offsets_reply(&question, |_, _| (ErrorCode::NONE, Some(1)));
    desk.inbox.on_offsets_reply(&question, Ok(reply));
    assert_eq!(desk.position(0), Position::At(offset(5)), "a later seek counts");
}

#[test]
fn partitions_are_served_in_turn() {
    let mut desk = Desk::with(3);
    let order = desk.order();
    desk.data(&order, 0, records(0, 1, 8));
    let order = desk.order();
    let asked: Vec<_> = order.parts.iter().map(|p| p.partition.0).collect();
    assert_eq!(asked, [1, 2, 0], "the one served last is asked for last");
}
