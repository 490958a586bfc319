use super::super::testing::Spec;
use super::*;

/// The id of every producer here.
const ID: i64 = 7;

fn batch(epoch: i16, first: i32, records: i32, base: i64) -> BatchView {
    Spec { base, records, stamp: Some((ID, epoch, first)), ..Spec::default() }.view()
}

/// What became of a batch, in a word.
fn judge(producers: &Producers, epoch: i16, first: i32, records: i32) -> String {
    let stamp = batch(epoch, first, records, 0).stamp.unwrap();
    match producers.decide(&stamp) {
        Ok(Decision::Append) => "append".to_owned(),
        Ok(Decision::Duplicate(known)) => format!("duplicate of {}", known.base_offset),
        Err(SequenceError::OldEpoch { current, .. }) => format!("epoch is {current}"),
        Err(SequenceError::OutOfOrder { due, .. }) => format!("due {due}"),
    }
}

#[test]
fn a_batch_is_judged_by_what_its_producer_wrote_last() {
    // in epoch 3, seven batches of 10 records each: sequences 0 to 69, offsets 100 to 169
    let mut producers = Producers::default();
    for n in 0..7 {
        let due = judge(&producers, 3, n * 10, 10);
        assert_eq!(due, "append");
        producers.apply(&batch(3, n * 10, 10, i64::from(100 + n * 10)), 0);
    }
    for (rule, epoch, first, records, verdict) in [
        ("the next is new", 3, 70, 10, "append"),
        ("the last is a retry", 3, 60, 10, "duplicate of 160"),
        ("so is the fifth last", 3, 20, 10, "duplicate of 120"),
        ("the sixth last is forgotten", 3, 10, 10, "due 70"),
        ("a part of a batch is no retry of it", 3, 60, 5, "due 70"),
        ("nor are two batches as one", 3, 50, 20, "due 70"),
        ("a gap is out of order", 3, 80, 10, "due 70"),
        ("an older epoch is fenced", 2, 70, 10, "epoch is 3"),
        ("even with the numbers of a retry", 2, 60, 10, "epoch is 3"),
        ("a newer epoch starts from 0", 4, 0, 10, "append"),
        ("and not elsewhere", 4, 70, 10, "due 0"),
        ("nor with the numbers of a retry", 4, 60, 10, "due 0"),
    ] {
        assert_eq!(judge(&producers, epoch, first, records), verdict, "{rule}");
    }
}

#[test]
fn an_unknown_producer_may_start_anywhere() {
    let producers = Producers::default();
    for first in [0, 1, 70, i32::MAX] {
        assert_eq!(judge(&producers, 0, first, 1), "append");
    }
}

#[test]
fn sequences_wrap_from_the_largest_number_to_zero() {
    let mut producers = Producers::default();
    producers.apply(&batch(0, i32::MAX - 4, 5, 0), 0);
    assert_eq!(judge(&producers, 0, 0, 10), "append");
    assert_eq!(judge(&producers, 0, i32::MAX, 10), "due 0");
    let mut across = Producers::default();
    across.apply(&batch(0, i32::MAX - 4, 10, 0), 0); // 5 before the wrap, 5 behind it
    assert_eq!(judge(&across, 0, 5, 1), "append");
    assert_eq!(judge(&across, 0, i32::MAX - 4, 10), "duplicate of 0");
}

#[test]
fn a_new_epoch_forgets_the_batches_of_the_old_one() {
    let mut producers = Producers::default();
    producers.apply(&batch(0, 0, 10, 0), 0);
    producers.apply(&batch(1, 0, 10, 10), 0);
    assert_eq!(judge(&producers, 1, 0, 10), "duplicate of 10");
    assert_eq!(judge(&producers, 1, 10, 10), "append");
    assert_eq!(judge(&producers, 0, 10, 10), "epoch is 1");
}

#[test]
fn a_producer_that_is_silent_for_long_is_forgotten() {
    let mut producers = Producers::default();
    producers.apply(&batch(0, 0, 10, 0), 1_000);
    producers.expire(1_000 + 99, 100);
    assert_eq!(judge(&producers, 0, 50, 1), "due 10");
    producers.expire(1_000 + 100, 100);
    assert_eq!(judge(&producers, 0, 50, 1), "append");
    assert!(producers.is_empty());
}

#[test]
fn batches_without_a_producer_leave_no_trace() {
    let mut producers = Producers::default();
    producers.apply(&Spec::default().view(), 0);
    assert!(producers.is_empty());
}
