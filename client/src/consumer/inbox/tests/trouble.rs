//! What passes is waited for in silence; what lasts is told.

use core::time::Duration;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_runtime::Instant;

use super::model::{node, offset};
use super::rules::{Desk, known, records, tp};
use crate::consumer::error::PollError;
use crate::consumer::inbox::Inbox;
use crate::consumer::subscription::Start;
use crate::error::CallError;

fn failure() -> CallError {
    CallError::UnknownNode(node(0))
}

/// Fails whatever node 0 is asked, until `end`. Gives the seconds at which the application was told.
fn told_of_node(desk: &mut Desk, end: u64) -> Vec<u64> {
    let mut told = Vec::new();
    while desk.now < Instant::from_millis(end) {
        for order in desk.orders() {
            desk.inbox.on_fetch_reply(order.node, Err(failure()), desk.now);
        }
        match desk.error() {
            Some(PollError::Node { node: at, .. }) => {
                assert_eq!(at, node(0));
                told.push(desk.now.since_start().as_secs());
            }
            other => assert!(other.is_none(), "{other:?}"),
        }
        desk.wait();
    }
    told
}

#[test]
fn a_broker_that_was_never_reached_is_told_of_and_one_that_went_away_is_waited_for() {
    let mut desk = Desk::with(1);
    assert_eq!(told_of_node(&mut desk, 70_000), [3, 63]);

    let mut desk = Desk::with(1);
    let order = desk.orders().remove(0);
    desk.data(&order, 0, Bytes::new());
    assert_eq!(told_of_node(&mut desk, 200_000), [0_u64; 0]);
}

#[test]
fn an_error_that_nobody_takes_does_not_keep_the_task_awake() {
    let mut desk = Desk::with(1);
    while desk.now < Instant::from_millis(200_000) {
        for order in desk.orders() {
            desk.inbox.on_fetch_reply(order.node, Err(failure()), desk.now);
        }
        let before = desk.now;
        desk.wait();
        assert!(desk.now > before, "a deadline that has passed is still there");
    }
    assert!(matches!(desk.error(), Some(PollError::Node { .. })));
}

#[test]
fn a_leader_that_cannot_be_asked_for_offsets_is_told_of_too() {
    let mut desk = Desk::with(1);
    desk.inbox.seek(&tp(0), Start::Earliest).unwrap();
    while desk.now < Instant::from_millis(2_900) {
        let question = desk.question();
        desk.inbox.on_offsets_reply(&question, Err(failure()));
        assert!(desk.orders().is_empty() && desk.error().is_none());
        assert_eq!(desk.inbox.obstacle(&tp(0)), failure().to_string());
        desk.wait();
    }
    desk.now = desk.now + Duration::from_secs(1);
    assert!(desk.orders().is_empty());
    assert!(matches!(desk.error(), Some(PollError::Node { .. })));
}

#[test]
fn a_broker_that_leads_nothing_any_more_is_not_worth_a_word() {
    let mut desk = Desk::with(1);
    let order = desk.orders().remove(0);
    desk.inbox.on_fetch_reply(order.node, Err(failure()), desk.now);
    desk.inbox.on_metadata(desk.now, |_| known(1));
    for _ in 0..3 {
        for order in desk.orders() {
            assert_eq!(order.node, node(1));
            desk.data(&order, 0, Bytes::new());
        }
        desk.now = desk.now + Duration::from_secs(100);
        assert!(desk.error().is_none());
    }
}

/// Seconds at which the application was told that the cluster cannot be asked.
fn told_of_cluster(inbox: &mut Inbox, mut now: Instant, end: u64) -> Vec<u64> {
    let mut told = Vec::new();
    while now < Instant::from_millis(end) {
        inbox.on_metadata_asked(Some(failure()));
        while inbox.poll(now).is_some() {}
        if let Some(error) = inbox.take_trouble() {
            assert!(matches!(error, PollError::Unreachable { .. }) && error.is_retriable());
            told.push(now.since_start().as_secs());
        }
        now = inbox.next_deadline().unwrap_or(Instant::MAX).min(now + Duration::from_secs(1));
    }
    told
}

#[test]
fn a_cluster_that_was_never_reached_is_told_of_and_one_that_went_away_is_waited_for() {
    let mut inbox = Inbox::new(Default::default());
    inbox.on_metadata_asked(Some(failure()));
    while inbox.poll(Instant::from_millis(100_000)).is_some() {}
    assert!(inbox.take_trouble().is_none(), "nobody wants to read anything");
    inbox.assign(vec![("t", 0).into()]);
    assert_eq!(told_of_cluster(&mut inbox, Instant::ZERO, 100_000), [3, 63]);
    inbox.on_metadata_asked(None);
    let now = Instant::from_millis(100_000);
    assert_eq!(told_of_cluster(&mut inbox, now, 230_000), [0_u64; 0]);
}

#[test]
fn what_the_leader_finds_damaged_is_told_with_its_place_and_reading_stays_there() {
    let mut desk = Desk::with(1);
    let order = desk.order();
    desk.data(&order, 0, records(0, 3, 8));
    assert_eq!(desk.take(), [0, 1, 2]);
    let order = desk.order();
    desk.reply(&order, &[(0, ErrorCode::CORRUPT_MESSAGE, Bytes::new())]);
    drop(desk.effects());
    let error = desk.error().unwrap();
    let text = error.to_string();
    assert!(text.starts_with("t-0 cannot be read at offset 3: the leader answered"), "{text}");
    assert!(
        text.contains("CORRUPT_MESSAGE") && text.ends_with("seek past it to skip it"),
        "{text}"
    );
    desk.wait();
    assert_eq!(desk.order().parts[0].from.offset, offset(3));
}
