//! Leaders whose log is not the one that was read (KIP-320).

use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::{LeaderEpoch, NodeId, Offset, Uuid};
use ottla_protocol::messages::fetch::EpochEndOffset;
use ottla_protocol::record::Compression;

use super::model::{batch_of, epochs_reply, fetch_reply, node, offset, offsets_reply};
use super::rules::{Desk, tp};
use crate::consumer::config::{ConsumerConfig, OffsetReset};
use crate::consumer::error::PollError;
use crate::consumer::inbox::{Effect, EpochsOrder, FetchOrder, Leadership};
use crate::consumer::subscription::{Assignment, End, Position, Start};
use crate::error::CallError;

type Ends = Option<(i32, i64)>;

/// Five records of an epoch.
fn five(epoch: i32, base: i64) -> Bytes {
    batch_of(epoch, base, &[b"value".as_slice(); 5], Compression::None)
}

fn desk(reset: OffsetReset) -> Desk {
    Desk::new(1, ConsumerConfig { reset, ..ConsumerConfig::default() })
}

impl Desk {
    fn lead(&mut self, leader: i32, epoch: Option<i32>) {
        self.inbox.on_metadata(self.now, |_| Leadership::Known {
            leader: Some(node(leader)),
            epoch: epoch.map(LeaderEpoch),
            topic_id: Some(Uuid([1; 16])),
        });
    }

    /// Hands out 0 to 4, of epoch 3, and has a new leader elected: node 1 in epoch 4.
    fn read_and_elect(&mut self) {
        let order = self.order();
        self.data(&order, 0, five(3, 0));
        assert_eq!(self.take(), [0, 1, 2, 3, 4]);
        self.lead(1, Some(4));
    }

    /// What is asked now, and nothing else: who, its epoch, and the epoch that was read.
    fn epochs(&mut self) -> (Arc<EpochsOrder>, (NodeId, i32, i32)) {
        let mut effects: Vec<_> = self.effects();
        effects.retain(|e| !matches!(e, Effect::RefreshMetadata));
        let [Effect::AskEpochs(order)] = &effects[..] else { panic!("{effects:?}") };
        let part = &order.parts[0];
        (Arc::clone(order), (order.node, part.leader_epoch.0, part.epoch.0))
    }

    fn tell(&mut self, order: &EpochsOrder, code: ErrorCode, end: Ends) {
        let reply = epochs_reply(order, |_, _, _| (code, end));
        self.inbox.on_epochs_reply(order, Ok(reply));
    }

    fn diverge(&mut self, order: &FetchOrder, (epoch, end): (i32, i64)) {
        let mut reply = fetch_reply(order, |_, _, _| (ErrorCode::NONE, Bytes::new()));
        reply.responses[0].partitions[0].diverging_epoch = EpochEndOffset {
            epoch: Some(LeaderEpoch(epoch)),
            end_offset: Some(offset(end)),
            ..EpochEndOffset::default()
        };
        self.inbox.on_fetch_reply(order.node, Ok(reply), self.now);
    }

    /// From where the only fetch under way reads, and the epoch of the record before.
    fn fetches_from(&mut self) -> (i64, Option<i32>) {
        let part = &self.order().parts[0];
        (part.from.offset.get(), part.from.epoch.map(|e| e.0))
    }
}

#[test]
fn a_new_leader_is_asked_for_its_log_before_anything_is_fetched_from_it() {
    let mut desk = desk(OffsetReset::Earliest);
    desk.read_and_elect();
    let (order, asked) = desk.epochs();
    assert_eq!(asked, (node(1), 4, 3));
    assert!(desk.effects().is_empty(), "once, and nothing is fetched before the answer");
    desk.tell(&order, ErrorCode::NONE, Some((3, 5)));
    let order = desk.order();
    let part = &order.parts[0];
    let found = (order.node, part.from.offset, part.from.epoch, part.leader_epoch);
    assert_eq!(found, (node(1), offset(5), Some(LeaderEpoch(3)), Some(LeaderEpoch(4))));
}

/// What becomes of the position 5, the last record before which was of epoch 3.
#[test]
fn a_log_that_was_cut_moves_the_position_to_where_it_differs_or_is_an_error() {
    let (first, last) = (Position::Ask(End::Earliest), Position::Ask(End::Latest));
    let at = |n| Position::At(offset(n));
    for (rule, end, earliest, latest, from, diverging) in [
        ("cut inside of the epoch", Some((3, 2)), at(2), at(2), Some(3), Some(2)),
        ("to nothing", Some((3, 0)), at(0), at(0), Some(3), Some(0)),
        ("the epoch is gone", Some((1, 2)), at(2), at(2), Some(1), Some(2)),
        ("gone, and an older one goes on", Some((1, 9)), at(5), at(5), Some(1), None),
        ("the leader knows no such epoch", None, first, last, None, None),
    ] {
        for (reset, position) in [(OffsetReset::Earliest, earliest), (OffsetReset::Latest, latest)]
        {
            for by_fetch in [false, true] {
                let mut desk = desk(reset);
                desk.read_and_elect();
                let (order, _) = desk.epochs();
                match end {
                    Some(end) if by_fetch => {
                        desk.tell(&order, ErrorCode::NONE, Some((3, 5))); // cut only then
                        let order = desk.order();
                        desk.diverge(&order, end);
                    }
                    _ => desk.tell(&order, ErrorCode::NONE, end),
                }
                assert_eq!(desk.position(0), position, "{rule} {reset:?} {by_fetch}");
                if let Position::At(expected) = position {
                    assert_eq!(desk.fetches_from(), (expected.get(), from), "{rule} {reset:?}");
                }
                assert!(desk.error().is_none(), "{rule} {reset:?}");
            }
        }
        let mut desk = desk(OffsetReset::Error);
        desk.read_and_elect();
        let (order, _) = desk.epochs();
        desk.tell(&order, ErrorCode::NONE, end);
        let Some(PollError::LogTruncated { position, diverging: told, .. }) = desk.error() else {
            panic!("{rule}")
        };
        assert_eq!((position.get(), told.map(Offset::get)), (5, diverging), "{rule}");
        assert_eq!(desk.position(0), Position::Undefined, "{rule}");
        assert!(desk.effects().is_empty(), "{rule}: until the application seeks");
        desk.inbox.seek(&tp(0), Start::At(offset(2))).unwrap();
        assert_eq!(desk.fetches_from(), (2, None), "{rule}");
    }
}

#[test]
fn a_question_that_is_not_answered_moves_nothing_and_is_asked_again_after_a_while() {
    let mut told = Vec::new();
    for code in [
        ErrorCode::FENCED_LEADER_EPOCH,
        ErrorCode::UNKNOWN_LEADER_EPOCH,
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::UNKNOWN_SERVER_ERROR,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        ErrorCode::CORRUPT_MESSAGE,
    ] {
        for reset in [OffsetReset::Earliest, OffsetReset::Latest, OffsetReset::Error] {
            let mut desk = desk(reset);
            desk.read_and_elect();
            let (mut order, _) = desk.epochs();
            for _ in 0..3 {
                desk.tell(&order, code, None);
                assert_eq!(desk.position(0), Position::At(offset(5)), "{code}");
                let effects = desk.effects();
                let asks = |e: &Effect| !matches!(e, Effect::RefreshMetadata);
                assert!(!effects.iter().any(asks), "{code}: {effects:?}");
                match desk.error() {
                    Some(PollError::Broker { code, .. }) => told.push(code),
                    other => assert!(other.is_none(), "{other:?}"),
                }
                desk.wait();
                order = desk.epochs().0;
            }
            let lost = CallError::Closed { possibly_sent: true };
            desk.inbox.on_epochs_reply(&order, Err(lost));
            assert!(matches!(desk.effects()[..], [] | [Effect::RefreshMetadata]));
            desk.wait();
            let (order, _) = desk.epochs();
            desk.tell(&order, ErrorCode::NONE, Some((3, 5)));
            assert_eq!(desk.fetches_from(), (5, Some(3)));
        }
    }
    assert_eq!(told, [ErrorCode::TOPIC_AUTHORIZATION_FAILED; 9], "what does not pass is told");
}

#[test]
fn where_the_broker_or_the_log_knows_no_epochs_nothing_is_asked() {
    let mut old = desk(OffsetReset::Error);
    old.read_and_elect();
    let (order, _) = old.epochs();
    let api = ottla_protocol::ApiKey::OFFSET_FOR_LEADER_EPOCH;
    let unknown =
        CallError::UnsupportedVersion { peer: "x".into(), api, ours: 3..=4, theirs: Some(0..=2) };
    old.inbox.on_epochs_reply(&order, Err(unknown));
    assert_eq!(old.fetches_from(), (5, Some(3)));

    let mut silent = desk(OffsetReset::Error);
    let order = silent.order();
    silent.data(&order, 0, five(3, 0));
    assert_eq!(silent.take().len(), 5);
    silent.lead(1, None);
    assert_eq!(silent.fetches_from(), (5, Some(3)), "the leader has no epoch");

    let mut unread = desk(OffsetReset::Error);
    unread.order();
    unread.lead(1, Some(4));
    assert_eq!(unread.fetches_from(), (0, None), "nothing was read");
}

#[test]
fn what_was_fetched_ahead_of_a_cut_is_dropped_and_only_the_position_counts() {
    for by_fetch in [false, true] {
        let mut desk = desk(OffsetReset::Error);
        let order = desk.order();
        desk.data(&order, 0, five(3, 0));
        assert_eq!(desk.take().len(), 5);
        let order = desk.order();
        desk.data(&order, 0, five(3, 5)); // nobody has seen these
        if by_fetch {
            let order = desk.order();
            desk.diverge(&order, (3, 7));
        } else {
            desk.lead(0, Some(4));
            let (order, asked) = desk.epochs();
            assert_eq!(asked, (node(0), 4, 3), "a new epoch of the same node");
            desk.tell(&order, ErrorCode::NONE, Some((3, 7)));
        }
        let (order, _) = desk.epochs();
        desk.tell(&order, ErrorCode::NONE, Some((3, 7)));
        assert!(desk.error().is_none(), "all that was handed out is still there");
        assert_eq!(desk.fetches_from(), (5, Some(3)));
        assert_eq!(desk.inbox.bytes(), desk.inbox.promised());
    }
}

#[test]
fn an_answer_does_not_count_for_a_partition_that_moved_since() {
    type Step = fn(&mut Desk);
    let steps: [(&str, Step, Position); 4] = [
        ("seek", |d| d.inbox.seek(&tp(0), Start::At(offset(5))).unwrap(), Position::At(offset(5))),
        (
            "assigned again",
            |d| {
                d.inbox.assign(Vec::new());
                d.inbox.assign(vec![Assignment::from((tp(0).topic, 0, Start::At(offset(5))))]);
                d.lead(1, Some(4));
            },
            Position::At(offset(5)),
        ),
        ("another leader", |d| d.lead(2, Some(5)), Position::At(offset(5))),
        ("another epoch", |d| d.lead(1, Some(5)), Position::At(offset(5))),
    ];
    for (what, step, position) in steps {
        let mut desk = desk(OffsetReset::Error);
        desk.read_and_elect();
        let (order, _) = desk.epochs();
        step(&mut desk);
        desk.tell(&order, ErrorCode::NONE, Some((3, 2)));
        assert_eq!(desk.position(0), position, "{what}");
        assert!(desk.error().is_none(), "{what}");
    }
}

#[test]
fn leaders_that_change_during_the_question_are_asked_once_each() {
    let mut desk = desk(OffsetReset::Error);
    desk.read_and_elect();
    let mut orders = vec![desk.epochs().0];
    for epoch in 5..25 {
        desk.lead(epoch % 3, Some(epoch));
        let (order, asked) = desk.epochs();
        assert_eq!(asked, (node(epoch % 3), epoch, 3));
        orders.push(order);
    }
    let newest = orders.pop().unwrap();
    for order in &orders {
        desk.tell(order, ErrorCode::FENCED_LEADER_EPOCH, None);
        assert!(desk.effects().is_empty(), "an old answer starts nothing");
    }
    desk.tell(&newest, ErrorCode::NONE, Some((3, 5)));
    assert_eq!(desk.fetches_from(), (5, Some(3)));
}

#[test]
fn a_seek_with_an_epoch_is_checked_first_and_one_without_is_not() {
    let mut desk = desk(OffsetReset::Earliest);
    desk.orders();
    let (offset5, leader_epoch) = (offset(5), LeaderEpoch(2));
    desk.inbox.seek(&tp(0), Start::AtEpoch { offset: offset5, leader_epoch }).unwrap();
    let (order, asked) = desk.epochs();
    assert_eq!(asked, (node(0), 3, 2));
    desk.tell(&order, ErrorCode::NONE, Some((2, 4)));
    assert_eq!(desk.position(0), Position::At(offset(4)));
    assert!(desk.effects().is_empty(), "the fetch from before the seek is still under way");
    desk.inbox.seek(&tp(0), Start::At(offset5)).unwrap();
    let stale = fetch_reply(&old_order(&mut desk), |_, _, _| (ErrorCode::NONE, Bytes::new()));
    desk.inbox.on_fetch_reply(node(0), Ok(stale), desk.now);
    assert_eq!(desk.fetches_from(), (5, None));
}

/// The fetch that node 0 has under way.
fn old_order(desk: &mut Desk) -> Arc<FetchOrder> {
    Arc::clone(desk.inbox.lane(node(0)).in_flight.as_ref().unwrap())
}

#[test]
fn a_recreated_topic_is_no_truncation() {
    let mut desk = desk(OffsetReset::Latest);
    let order = desk.order();
    desk.data(&order, 0, five(3, 0));
    assert_eq!(desk.take().len(), 5);
    desk.inbox.on_metadata(desk.now, |_| Leadership::Known {
        leader: Some(node(0)),
        epoch: Some(LeaderEpoch(0)), // epochs start again
        topic_id: Some(Uuid([2; 16])),
    });
    assert_eq!(desk.position(0), Position::Ask(End::Earliest));
    let order = desk.question();
    let reply = offsets_reply(&order, |_, _| (ErrorCode::NONE, Some(0)));
    desk.inbox.on_offsets_reply(&order, Ok(reply));
    assert_eq!(desk.fetches_from(), (0, None));
}

#[test]
fn a_leader_that_says_it_differs_where_it_does_not_is_asked_again_after_a_while() {
    let mut desk = desk(OffsetReset::Error);
    let order = desk.order();
    desk.data(&order, 0, five(3, 0));
    assert_eq!(desk.take().len(), 5);
    let order = desk.order();
    desk.diverge(&order, (3, 5));
    assert!(desk.error().is_none() && desk.effects().is_empty());
    assert_eq!(desk.position(0), Position::At(offset(5)));
    desk.wait();
    assert_eq!(desk.fetches_from(), (5, Some(3)));
}
