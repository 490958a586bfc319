//! What the outbox and the sequencer promise, one schedule each.

use ottla_protocol::error_code::ErrorCode;

use super::outbox_kit::{Kit, Request, Seen, settings};
use super::*;
use crate::producer::delivery::Delivery;
use crate::producer::error::{EnqueueError, Obstacle, SendError};
use crate::producer::replies::Reply;

const OUT_OF_ORDER: ErrorCode = ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER;

fn kit() -> Kit {
    Kit::routed(settings(), &[0])
}

fn seen(epoch: i16, first: i32, values: &[u64]) -> Seen {
    Seen { partition: 0, epoch, first, values: values.to_vec() }
}

fn error(delivery: &Delivery) -> SendError {
    delivery.outcome().expect("it has a fate").unwrap_err()
}

/// A kit whose partition has acknowledged a batch, and batches of one value each in flight.
fn in_flight(values: core::ops::Range<u64>) -> (Kit, Vec<RequestId>, Vec<Delivery>) {
    let mut kit = kit();
    let mut deliveries = vec![kit.append(0, values.start - 1).unwrap()];
    let (first, _) = kit.one();
    kit.answer(first, ErrorCode::NONE);
    let mut requests = Vec::new();
    for value in values {
        deliveries.push(kit.append(0, value).unwrap());
        let mut now = kit.requests();
        if now.is_empty() {
            kit.pass(1);
            now = kit.requests();
        }
        requests.push(now[0].id);
    }
    (kit, requests, deliveries)
}

/// Two batches in flight, the second opened 3 s after the first.
fn two_apart() -> (Kit, Vec<RequestId>, Vec<Delivery>) {
    let (mut kit, mut requests, mut deliveries) = in_flight(1..2);
    kit.pass(3_000);
    deliveries.push(kit.append(0, 2).unwrap());
    assert!(kit.requests().is_empty());
    kit.pass(1);
    requests.push(kit.one().0);
    (kit, requests, deliveries)
}

#[test]
fn with_nothing_in_flight_a_record_goes_at_once_and_else_it_gathers_company() {
    let mut kit = kit();
    let _delivery = kit.append(0, 0);
    let (first, batch) = kit.one();
    assert_eq!(batch, seen(0, 0, &[0]));
    kit.answer(first, ErrorCode::NONE);

    let _deliveries: Vec<_> = (1..3).map(|value| kit.append(0, value)).collect();
    let (second, batch) = kit.one();
    assert_eq!(batch, seen(0, 1, &[1, 2]), "linger of zero still batches");
    let _delivery = kit.append(0, 3);
    assert!(kit.requests().is_empty(), "one is in flight: wait for company");
    kit.answer(second, ErrorCode::NONE);
    let (_third, batch) = kit.one();
    assert_eq!(batch, seen(0, 3, &[3]), "a reply arrived");
    let _delivery = kit.append(0, 4);
    assert!(kit.requests().is_empty());
    assert_eq!(kit.outbox.next_deadline(), kit.now + GATHER_MAX);
    kit.pass(1);
    assert_eq!(kit.one().1, seen(0, 4, &[4]), "1 ms has passed");
    let _deliveries: Vec<_> = (5..100).map(|value| kit.append(0, value)).collect();
    assert!(!kit.requests().is_empty(), "enough wait");
}

#[test]
fn linger_waits_whatever_is_in_flight_unless_somebody_is_in_a_hurry() {
    let linger = Duration::from_millis(5);
    let mut kit = Kit::routed(Settings { linger, ..settings() }, &[0]);
    let _delivery = kit.append(0, 0);
    assert!(kit.requests().is_empty());
    assert_eq!(kit.outbox.next_deadline(), kit.now + linger);
    kit.pass(5);
    assert_eq!(kit.one().1, seen(0, 0, &[0]));
    let mut kit = Kit::routed(Settings { linger, ..settings() }, &[0]);
    let _delivery = kit.append(0, 0);
    kit.outbox.set_hurry(true);
    assert_eq!(kit.one().1, seen(0, 0, &[0]), "a flush does not linger");
}

#[test]
fn an_idle_outbox_sets_no_alarm() {
    let mut kit = kit();
    let _delivery = kit.append(0, 0);
    let (id, _) = kit.one();
    kit.answer(id, ErrorCode::NONE);
    kit.pass(20_000);
    assert!(kit.requests().is_empty());
    assert!(kit.outbox.is_idle());
    assert_eq!(kit.outbox.next_deadline(), Instant::MAX);
    assert_eq!(kit.memory.reserved(), 0);
}

#[test]
fn until_a_broker_knows_the_producer_one_batch_travels_alone() {
    let mut kit = kit();
    let _delivery = kit.append(0, 0);
    let (first, _) = kit.one();
    let _delivery = kit.append(0, 1);
    kit.pass(50);
    assert!(kit.requests().is_empty(), "a lost first batch would let the second in");
    kit.answer(first, ErrorCode::NONE);
    assert_eq!(kit.one().1, seen(0, 1, &[1]));
}

#[test]
fn no_more_than_five_are_in_flight() {
    let (mut kit, requests, _deliveries) = in_flight(1..6);
    let _sixth = kit.append(0, 6);
    kit.pass(50);
    assert!(kit.requests().is_empty());
    kit.answer(requests[0], ErrorCode::NONE);
    assert_eq!(kit.one().1, seen(0, 6, &[6]));
}

#[test]
fn out_of_order_behind_a_failed_batch_is_a_retry_with_the_same_numbers() {
    let (mut kit, requests, deliveries) = in_flight(1..4);
    kit.answer(requests[0], ErrorCode::NOT_LEADER_OR_FOLLOWER);
    kit.answer(requests[1], OUT_OF_ORDER);
    kit.answer(requests[2], OUT_OF_ORDER);
    assert!(kit.requests().is_empty(), "it backs off");
    kit.pass(150);
    let again: Vec<_> = kit.requests().into_iter().flat_map(|r| r.batches).collect();
    assert_eq!(again, [seen(0, 1, &[1]), seen(0, 2, &[2]), seen(0, 3, &[3])]);
    assert!(deliveries[1..].iter().all(|delivery| delivery.outcome().is_none()));
}

#[test]
fn a_new_leader_gets_the_retries_at_once_but_only_when_the_old_one_has_answered() {
    let (mut kit, requests, _deliveries) = in_flight(1..3);
    kit.answer(requests[0], ErrorCode::NOT_LEADER_OR_FOLLOWER);
    kit.lead(&[1]);
    assert!(kit.requests().is_empty(), "the old leader may still have the second");
    kit.lose(requests[1]);
    let again = kit.requests();
    assert!(!again.is_empty() && again.iter().all(|request| request.node == 1));
    let batches: Vec<_> = again.into_iter().flat_map(|r| r.batches).collect();
    assert_eq!(batches, [seen(0, 1, &[1]), seen(0, 2, &[2])]);
}

#[test]
fn a_duplicate_is_a_success_without_an_offset() {
    let (mut kit, requests, deliveries) = in_flight(1..2);
    kit.lose(requests[0]);
    kit.pass(150);
    let (again, _) = kit.one();
    kit.answer(again, ErrorCode::DUPLICATE_SEQUENCE_NUMBER);
    assert_eq!(deliveries[1].outcome().unwrap().unwrap().offset, None);
}

#[test]
fn a_batch_that_expires_in_flight_poisons_its_partition_until_all_is_answered() {
    let (mut kit, requests, deliveries) = two_apart();
    kit.pass(6_998); // the first is due, the second is not
    let later = kit.append(0, 9).unwrap();
    kit.pass(1);
    assert!(kit.requests().is_empty());
    let why = error(&deliveries[1]);
    assert!(matches!(why, SendError::TimedOut { possibly_written: true, .. }), "{why}");
    assert!(deliveries[2].outcome().is_none());
    kit.lose(requests[0]);
    assert!(kit.requests().is_empty(), "the second is still out");
    kit.answer(requests[1], OUT_OF_ORDER);
    assert!(deliveries[2].outcome().is_none(), "certainly not written: it gets new numbers");
    kit.pass(1_000);
    assert_eq!(kit.one().1, seen(1, 0, &[2]), "a new epoch starts at 0");
    assert!(later.outcome().is_none());
}

#[test]
fn what_may_be_in_the_log_is_never_numbered_anew() {
    let (mut kit, requests, deliveries) = two_apart();
    kit.pass(6_999);
    assert!(kit.requests().is_empty());
    kit.lose(requests[0]);
    kit.lose(requests[1]);
    let why = error(&deliveries[2]);
    assert!(matches!(why, SendError::Unanswered { .. }), "{why}");
}

#[test]
fn a_refused_batch_gives_its_numbers_to_the_next() {
    let (mut kit, requests, deliveries) = in_flight(1..3);
    kit.answer(requests[0], ErrorCode::INVALID_RECORD);
    let why = error(&deliveries[1]);
    assert!(!why.possibly_written(), "{why}");
    kit.answer(requests[1], OUT_OF_ORDER);
    kit.pass(150);
    assert_eq!(kit.one().1, seen(0, 1, &[2]), "same epoch, the refused one's number");
}

#[test]
fn a_broker_that_forgot_the_producer_gets_a_new_epoch() {
    for code in [OUT_OF_ORDER, ErrorCode::UNKNOWN_PRODUCER_ID, ErrorCode::INVALID_PRODUCER_EPOCH] {
        let (mut kit, requests, deliveries) = in_flight(1..2);
        kit.answer(requests[0], code);
        kit.pass(150);
        assert_eq!(kit.one().1, seen(1, 0, &[1]), "{code}");
        assert!(deliveries[1].outcome().is_none());
    }
}

#[test]
fn when_epochs_run_out_another_id_is_asked_for() {
    let mut kit = Kit::new(settings(), 1);
    kit.lead(&[0]);
    assert!(matches!(kit.outbox.poll(kit.now), Some(Effect::AskProducerId)));
    kit.give_id(9, i16::MAX);
    let _delivery = kit.append(0, 1);
    let (id, batch) = kit.one();
    assert_eq!(batch.epoch, i16::MAX);
    kit.answer(id, OUT_OF_ORDER);
    assert!(matches!(kit.outbox.poll(kit.now), Some(Effect::AskProducerId)));
    kit.give_id(10, 0);
    kit.pass(150);
    assert_eq!(kit.one().1, seen(0, 0, &[1]));
}

#[test]
fn other_partitions_take_the_new_epoch_when_theirs_are_answered() {
    let mut kit = Kit::routed(settings(), &[0, 1]);
    let _delivery = (kit.append(0, 1), kit.append(1, 2));
    let requests = kit.requests();
    assert_eq!(requests.len(), 2);
    kit.answer(requests[0].id, OUT_OF_ORDER);
    let _more = kit.append(1, 3);
    kit.pass(150);
    let again = kit.requests();
    assert_eq!(again.len(), 1, "partition 1 waits for its answer: {again:?}");
    assert_eq!(again[0].batches, [seen(1, 0, &[1])]);
    kit.lose(requests[1].id);
    kit.pass(150);
    let (_, batch) = kit.one();
    assert_eq!((batch.partition, batch.epoch, batch.first), (1, 0, 0), "the old numbers");
}

#[test]
fn a_batch_too_large_for_the_broker_is_split_and_a_single_record_fails() {
    let mut kit = kit();
    let deliveries: Vec<_> = (1..5).map(|value| kit.append(0, value).unwrap()).collect();
    let (id, batch) = kit.one();
    assert_eq!(batch, seen(0, 0, &[1, 2, 3, 4]));
    kit.answer(id, ErrorCode::MESSAGE_TOO_LARGE);
    let (id, batch) = kit.one();
    let half = i32::try_from(batch.values.len()).unwrap();
    assert!(batch.first == 0 && half < 4, "{batch:?}");
    kit.answer(id, ErrorCode::NONE);
    assert!(deliveries[0].outcome().unwrap().is_ok());
    let (mut id, mut rest) = kit.one();
    assert_eq!(rest.first, half, "each half has its share of the numbers");
    while rest.values.len() > 1 {
        kit.answer(id, ErrorCode::MESSAGE_TOO_LARGE);
        let requests = kit.requests();
        (id, rest) = (requests[0].id, requests[0].batches[0].clone());
    }
    kit.answer(id, ErrorCode::MESSAGE_TOO_LARGE);
    let failed = deliveries[usize::try_from(rest.values[0] - 1).unwrap()].outcome();
    let code = failed.unwrap().unwrap_err().code();
    assert_eq!(code, Some(ErrorCode::MESSAGE_TOO_LARGE));
}

#[test]
fn numbers_outlive_the_topics_absence_from_metadata() {
    let (mut kit, requests, _deliveries) = in_flight(1..2);
    kit.answer(requests[0], ErrorCode::NONE);
    kit.outbox.on_route(0, Route::Refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    kit.outbox.on_route(0, Route::Known(Uuid::ZERO, vec![None]));
    let _delivery = kit.append(0, 2);
    assert!(kit.requests().is_empty(), "no leader");
    kit.lead(&[1]);
    assert_eq!(kit.one().1, seen(0, 2, &[2]));
}

#[test]
fn a_refused_producer_id_ends_the_producer() {
    let mut kit = Kit::new(settings(), 1);
    kit.lead(&[0]);
    let delivery = kit.append(0, 1).unwrap();
    assert!(kit.requests().is_empty(), "no numbers yet");
    let code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    kit.outbox.on_producer_id(Err(Obstacle::broker(code)), kit.now);
    let why = error(&delivery);
    assert!(matches!(why, SendError::Fatal(c) if c == code), "{why}");
    assert!(kit.append(0, 2).is_none());
    assert_eq!(kit.memory.reserved(), 0);
}

#[test]
fn a_failed_producer_is_idle_once_all_is_answered() {
    let mut kit = Kit::new(settings(), 1);
    kit.lead(&[0, 1]);
    assert!(matches!(kit.outbox.poll(kit.now), Some(Effect::AskProducerId)));
    kit.give_id(9, i16::MAX);
    let (first, second) = (kit.append(0, 1).unwrap(), kit.append(1, 2).unwrap());
    let requests = kit.requests();
    assert_eq!(requests.len(), 2);
    kit.answer(requests[0].id, OUT_OF_ORDER); // epochs have run out
    let code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    kit.outbox.on_producer_id(Err(Obstacle::broker(code)), kit.now);
    assert!(error(&first).is_fatal() && error(&second).possibly_written());
    assert!(!kit.outbox.is_idle(), "a request is out");
    kit.lose(requests[1].id);
    assert!(kit.outbox.is_idle(), "a close need not wait for what never comes");
}

#[test]
fn records_that_failed_before_the_outbox_knew_of_them_leave_no_work() {
    let mut kit = Kit::new(settings(), 1);
    kit.lead(&[0]);
    assert!(kit.requests().is_empty());
    let delivery = kit.append(0, 1).unwrap();
    let code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    kit.outbox.on_producer_id(Err(Obstacle::broker(code)), kit.now);
    assert!(error(&delivery).is_fatal());
    assert!(kit.requests().is_empty());
    assert!(kit.outbox.is_idle(), "a close need not wait for what is gone");
}

#[test]
fn a_hole_that_no_new_id_fills_keeps_nobody_waiting() {
    let mut kit = Kit::new(settings(), 1);
    kit.lead(&[0]);
    assert!(matches!(kit.outbox.poll(kit.now), Some(Effect::AskProducerId)));
    kit.give_id(9, i16::MAX);
    let delivery = kit.append(0, 1).unwrap();
    let (id, _) = kit.one();
    kit.answer(id, OUT_OF_ORDER); // epochs have run out
    assert!(kit.requests().is_empty() && !kit.outbox.is_idle());
    kit.pass(10_001); // no broker answers
    assert!(kit.requests().is_empty());
    assert!(matches!(error(&delivery), SendError::TimedOut { .. }));
    assert!(kit.outbox.is_idle(), "a close ends after the delivery timeout at the latest");
}

#[test]
fn without_acknowledgements_nothing_that_may_have_arrived_is_sent_again() {
    let settings = Settings { idempotent: false, unanswered: true, ..settings() };
    let mut kit = Kit::routed(settings, &[0]);
    let first = kit.append(0, 1).unwrap();
    let (id, batch) = kit.one();
    assert_eq!((batch.epoch, batch.first), (-1, -1), "not idempotent");
    kit.outbox.on_reply(id, Reply::Written, kit.now);
    assert_eq!(first.outcome().unwrap().unwrap().offset, None);
    let second = kit.append(0, 2).unwrap();
    let (id, _) = kit.one();
    kit.lose(id);
    assert!(error(&second).possibly_written());
    kit.pass(1_000);
    assert!(kit.requests().is_empty());
}

#[test]
fn a_request_holds_one_batch_of_each_partition_up_to_its_size() {
    let mut kit = Kit::routed(Settings { request_bytes_max: 200, ..settings() }, &[0, 0, 0]);
    let _deliveries: Vec<_> = (0..3).map(|p| kit.append(p, u64::from(p.unsigned_abs()))).collect();
    let requests = kit.requests();
    let partitions = |r: &Request| r.batches.iter().map(|b| b.partition).collect();
    let partitions: Vec<Vec<_>> = requests.iter().map(partitions).collect();
    assert_eq!(partitions, [vec![0, 1]], "the rest waits its turn");
    kit.pass(1);
    assert_eq!(kit.requests()[0].batches[0].partition, 2);
}

#[test]
fn records_that_were_never_sent_expire_as_certainly_not_written() {
    let mut kit = Kit::new(settings(), 1);
    kit.outbox.on_route(0, Route::Known(Uuid::ZERO, vec![None]));
    let delivery = kit.append(0, 1).unwrap();
    assert!(kit.requests().is_empty());
    assert!(kit.outbox.next_deadline() <= kit.now + Duration::from_secs(10));
    kit.pass(10_001);
    assert!(kit.requests().is_empty());
    let why = error(&delivery);
    assert!(matches!(why, SendError::TimedOut { possibly_written: false, .. }), "{why}");
    assert!(why.to_string().ends_with("the partition has no leader"), "{why}");
    kit.pass(60_000);
    let refreshed = core::iter::from_fn(|| kit.outbox.poll(kit.now));
    assert!(!refreshed.into_iter().any(|effect| matches!(effect, Effect::Refresh)), "no work");
    assert_eq!(kit.memory.reserved(), 0);
}

#[test]
fn a_closed_topic_says_why() {
    let kit = kit();
    kit.topic.close(EnqueueError::Closed);
    assert!(kit.append(0, 1).is_none());
}
