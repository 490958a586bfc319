//! Requests that a test answers when it likes.

use super::*;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::task::noop_waker;

struct Bench {
    pipeline: Pipeline,
    out: VecDeque<Bytes>,
}

impl Bench {
    fn new() -> Self {
        Self { pipeline: Pipeline::default(), out: VecDeque::new() }
    }

    fn start(&mut self, parks: bool) -> oneshot::Sender<Outcome> {
        self.start_sized(0, parks)
    }

    fn start_sized(&mut self, size: usize, parks: bool) -> oneshot::Sender<Outcome> {
        let (done, wait) = oneshot::channel();
        let request = wait.map(|outcome| outcome.expect("the test answers")).boxed();
        let waker = noop_waker();
        let cx = &mut Context::from_waker(&waker);
        self.pipeline.start(cx, request, size, parks).expect("it only waits");
        done
    }

    fn poll(&mut self) -> Poll<Result<(), Close>> {
        self.poll_behind(0)
    }

    fn poll_behind(&mut self, unwritten: usize) -> Poll<Result<(), Close>> {
        let waker = noop_waker();
        let polled = self.pipeline.poll(&mut Context::from_waker(&waker), unwritten);
        self.pipeline.take_ready(&mut self.out);
        polled
    }
}

fn text(text: &'static str) -> Outcome {
    Outcome::Reply(vec![Bytes::from_static(text.as_bytes())])
}

#[test]
fn replies_leave_in_the_order_of_their_requests() {
    let mut bench = Bench::new();
    let (first, second) = (bench.start(true), bench.start(true));
    second.send(text("second")).unwrap();
    assert!(bench.poll().is_pending(), "the first is not done");
    assert_eq!(bench.pipeline.held_bytes(), "second".len());
    first.send(text("first")).unwrap();
    assert!(matches!(bench.poll(), Poll::Ready(Ok(()))));
    assert_eq!(bench.out, ["first", "second"]);
    assert_eq!(bench.pipeline.held_bytes(), 0, "it is counted where it waits now");
    assert!(bench.pipeline.is_empty());
}

#[test]
fn only_produce_and_fetch_start_behind_produce_and_fetch() {
    let mut bench = Bench::new();
    assert!(bench.pipeline.may_start(false));
    let parked = bench.start(true);
    assert!(bench.pipeline.may_start(true));
    assert!(!bench.pipeline.may_start(false), "another API waits its turn");
    parked.send(Outcome::Nothing).unwrap();
    assert!(bench.poll().is_ready());
    let _other = bench.start(false);
    assert!(!bench.pipeline.may_start(true), "and nothing overtakes it");
}

#[test]
fn nothing_starts_behind_a_request_that_is_held_back() {
    let mut bench = Bench::new();
    let _waiting = bench.start(true);
    let hold = bench.pipeline.hold();
    hold.set(true);
    assert!(!bench.pipeline.may_start(true));
    assert!(bench.poll().is_pending());
    let waker = noop_waker();
    let hold_ends = bench.pipeline.hold();
    let mut first = true;
    let request = futures::future::poll_fn(move |_| {
        hold_ends.set(first); // held when it starts, and no more when it is polled again
        first = false;
        Poll::<Outcome>::Pending
    });
    hold.set(false);
    bench.pipeline.start(&mut Context::from_waker(&waker), request.boxed(), 0, true).unwrap();
    assert!(!bench.pipeline.may_start(true));
    assert!(bench.poll().is_ready(), "the connection is told that the next may start");
    assert!(bench.pipeline.may_start(true));
}

#[test]
fn no_more_than_the_bound_wait_side_by_side() {
    let mut bench = Bench::new();
    let _waiting: Vec<_> = (0..PARKED_MAX).map(|_| bench.start(true)).collect();
    assert!(bench.pipeline.is_full());
}

#[test]
fn a_connection_that_must_end_does_not_wait_for_earlier_replies() {
    let mut bench = Bench::new();
    let (_silent, cut) = (bench.start(true), bench.start(true));
    cut.send(Outcome::Close(Close::Fault)).unwrap();
    assert!(matches!(bench.poll(), Poll::Ready(Err(Close::Fault))));
}

fn large() -> Outcome {
    Outcome::Reply(vec![Bytes::from(vec![0; HELD_BYTES_MAX + 1])])
}

#[test]
fn requests_and_replies_count_until_they_leave() {
    let mut bench = Bench::new();
    let (first, second) = (bench.start_sized(100, true), bench.start_sized(10, true));
    assert_eq!(bench.pipeline.held_bytes(), 110);
    second.send(text("second")).unwrap();
    assert!(bench.poll().is_pending());
    assert_eq!(bench.pipeline.held_bytes(), 100 + "second".len());
    first.send(Outcome::Nothing).unwrap();
    assert!(bench.poll().is_ready());
    assert_eq!(bench.pipeline.held_bytes(), 0);
}

#[test]
fn replies_are_not_made_faster_than_they_are_written() {
    let mut bench = Bench::new();
    let _first = bench.start(true);
    for _ in 0..3 {
        bench.start(true).send(large()).unwrap();
    }
    assert!(bench.poll().is_pending());
    assert_eq!(bench.pipeline.held_bytes(), HELD_BYTES_MAX + 1, "one is made, two wait");
    assert!(bench.out.is_empty());
}

#[test]
fn the_reply_whose_turn_it_is_does_not_wait_for_those_behind_it() {
    let mut bench = Bench::new();
    let (first, second, third) = (bench.start(true), bench.start(true), bench.start(true));
    second.send(large()).unwrap();
    third.send(large()).unwrap();
    assert!(bench.poll().is_pending());
    first.send(text("first")).unwrap();
    assert!(bench.poll().is_ready());
    assert_eq!(bench.out.len(), 2, "the first and the second");
    let unwritten = bench.out.iter().map(Bytes::len).sum();
    assert!(bench.poll_behind(unwritten).is_pending(), "the third is not made yet");
    assert!(bench.poll_behind(0).is_ready(), "it is once they are written");
    assert_eq!(bench.out.len(), 3);
}
