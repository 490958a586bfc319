use core::sync::atomic::AtomicUsize;
use std::task::Wake;

use ottla_protocol::error_code::ErrorCode;

use super::*;

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn batch(records: u32) -> (Arc<BatchCompletion>, Vec<Delivery>) {
    let topic = Str::from_static("t");
    let batch = Arc::new(BatchCompletion::new(topic, PartitionIndex(2), Timestamp(1_000)));
    let at = |i: u32| Timestamp(1_000 + i64::from(i));
    let deliveries = (0..records).map(|i| batch.delivery(i, at(i))).collect();
    (batch, deliveries)
}

fn receipt(base: i64) -> Fate {
    Ok(Receipt { base_offset: Offset::new(base), log_append_time: None })
}

fn failure(code: ErrorCode, culprits: Vec<(u32, Option<Str>)>) -> Fate {
    Err(Arc::new(Failure { error: SendError::Refused { code, message: None }, culprits }))
}

fn poll(delivery: &mut Delivery, wakes: &Arc<Wakes>) -> Poll<Result<RecordMetadata, SendError>> {
    let waker = Waker::from(Arc::clone(wakes));
    Pin::new(delivery).poll(&mut Context::from_waker(&waker))
}

#[test]
fn a_delivery_takes_sixteen_bytes() {
    assert_eq!(size_of::<Delivery>(), 16);
}

#[test]
fn one_acknowledgement_wakes_all_who_wait_and_no_one_else() {
    let (batch, mut deliveries) = batch(3);
    let wakes = Arc::new(Wakes::default());
    assert!(poll(&mut deliveries[0], &wakes).is_pending());
    assert!(poll(&mut deliveries[2], &wakes).is_pending());
    assert!(poll(&mut deliveries[2], &wakes).is_pending(), "a second look replaces the first");
    batch.close(3);
    batch.resolve(0, 3, receipt(70));
    assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
    for (i, delivery) in deliveries.iter_mut().enumerate() {
        let Poll::Ready(Ok(metadata)) = poll(delivery, &wakes) else { panic!("resolved") };
        assert_eq!(metadata.offset, Offset::new(70 + i64::try_from(i).unwrap()));
        assert_eq!(metadata.timestamp, Timestamp(1_000 + i64::try_from(i).unwrap()));
        assert_eq!((&*metadata.topic, metadata.partition), ("t", PartitionIndex(2)));
    }
}

#[test]
fn a_dropped_delivery_leaves_the_others_alone() {
    let (batch, mut deliveries) = batch(2);
    let wakes = Arc::new(Wakes::default());
    let mut dropped = deliveries.remove(0);
    assert!(poll(&mut dropped, &wakes).is_pending());
    drop(dropped);
    batch.close(2);
    batch.resolve(0, 2, receipt(0));
    let Some(Ok(metadata)) = deliveries[0].outcome() else { panic!("resolved") };
    assert_eq!(metadata.offset, Offset::new(1));
}

#[test]
fn the_parts_of_a_split_batch_have_fates_of_their_own() {
    let (batch, mut deliveries) = batch(5);
    let wakes = Arc::new(Wakes::default());
    for delivery in &mut deliveries {
        assert!(poll(delivery, &wakes).is_pending());
    }
    let mut all = Box::pin(batch.settled());
    let waker = Waker::from(Arc::clone(&wakes));
    assert!(all.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    batch.close(5);
    batch.resolve(2, 2, receipt(90));
    assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
    assert!(deliveries[1].outcome().is_none() && deliveries[4].outcome().is_none());
    assert_eq!(deliveries[3].outcome().unwrap().unwrap().offset, Offset::new(91));
    batch.resolve(0, 2, failure(ErrorCode::MESSAGE_TOO_LARGE, vec![]));
    assert!(all.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    batch.resolve(4, 1, receipt(92));
    let Poll::Ready(Some((2, first))) = all.as_mut().poll(&mut Context::from_waker(&waker)) else {
        panic!("two failed")
    };
    assert_eq!(first.code(), Some(ErrorCode::MESSAGE_TOO_LARGE));
    assert_eq!(deliveries[4].outcome().unwrap().unwrap().offset, Offset::new(92));
}

#[test]
fn the_culprits_get_the_brokers_words_and_the_others_are_told_so() {
    let (batch, deliveries) = batch(3);
    batch.close(3);
    let culprits = vec![(1, Some(Str::from_static("no key")))];
    batch.resolve(0, 3, failure(ErrorCode::INVALID_RECORD, culprits));
    let words: Vec<_> = deliveries.iter().map(|d| d.outcome().unwrap().unwrap_err()).collect();
    assert!(matches!(words[0], SendError::InBadCompany { .. }), "{:?}", words[0]);
    assert!(words[1].to_string().ends_with("no key"), "{}", words[1]);
    assert!(matches!(words[2], SendError::InBadCompany { .. }), "{:?}", words[2]);
}

#[test]
fn a_timestamp_is_exact_however_far_from_the_first() {
    let (batch, _) = batch(0);
    let times = [i64::MAX, i64::MIN, 0, 1_000 + i64::from(i32::MIN), 1_000 + i64::from(i32::MAX)];
    let deliveries: Vec<_> =
        (0..).zip(times).map(|(i, t)| batch.delivery(i, Timestamp(t))).collect();
    batch.close(5);
    batch.resolve(0, 5, receipt(0));
    for (delivery, time) in deliveries.iter().zip(times) {
        assert_eq!(delivery.outcome().unwrap().unwrap().timestamp, Timestamp(time));
    }
}
