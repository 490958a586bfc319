//! The requests of one connection that have started: they start in order, their replies leave in
//! order, and in between Produce and Fetch may wait side by side.

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll};
use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::Close;

/// How many Produce and Fetch requests of a connection wait side by side. A client has at most a
/// handful in flight; the rest stay in the socket, whose peer then stops sending.
pub(super) const PARKED_MAX: usize = 64;

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// These bytes leave.
    Reply(Vec<Bytes>),
    /// Nothing leaves, as with `acks=0`.
    Nothing,
    /// The connection ends.
    Close(Close),
}

enum Slot {
    Running(BoxFuture<'static, Outcome>),
    Done(Vec<Bytes>),
}

/// Says that the request that started last is held back: nothing starts behind it, so there is one
/// at most. Requests and [`Pipeline`] of one connection share it; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hold(Arc<AtomicBool>);

impl Hold {
    pub(crate) fn set(&self, held: bool) {
        // one task polls all of a connection's requests
        self.0.store(held, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Started requests, the oldest first.
#[derive(Default)]
pub(super) struct Pipeline {
    slots: VecDeque<Slot>,
    /// The request that started last is one that others may start behind.
    overtakable: bool,
    /// It is not so yet.
    hold: Hold,
    /// How many bytes replies have whose turn has not come.
    done_bytes: usize,
}

impl Pipeline {
    /// Whether a request may start now; `parks` says that it is a Produce or a Fetch.
    pub(super) fn may_start(&self, parks: bool) -> bool {
        let overtakable = self.overtakable && !self.hold.is_set();
        self.slots.is_empty() || (parks && overtakable && self.slots.len() < PARKED_MAX)
    }

    /// Whether no request could start, whatever it were.
    pub(super) fn is_full(&self) -> bool {
        !self.may_start(true)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// What the connection's requests are held back by.
    pub(super) fn hold(&self) -> Hold {
        self.hold.clone()
    }

    /// How many bytes replies have that wait for the reply to an earlier request.
    pub(super) const fn done_bytes(&self) -> usize {
        self.done_bytes
    }

    /// Starts a request, which runs as far as it can at once.
    pub(super) fn start(
        &mut self,
        cx: &mut Context<'_>,
        mut request: BoxFuture<'static, Outcome>,
        parks: bool,
    ) -> Result<(), Close> {
        debug_assert!(self.may_start(parks));
        self.overtakable = parks;
        self.hold.set(false);
        self.slots.push_back(match request.as_mut().poll(cx) {
            Poll::Pending => Slot::Running(request),
            Poll::Ready(outcome) => {
                let reply = reply(outcome)?;
                self.done_bytes += bytes(&reply);
                Slot::Done(reply)
            }
        });
        Ok(())
    }

    /// Lets the requests go on. Ready when a reply may leave, when a request is held back no more so
    /// that others may start behind it, or when the connection must end, be it for a request whose
    /// turn to reply has not come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Close>> {
        let held = self.hold.is_set();
        for slot in &mut self.slots {
            if let Slot::Running(request) = slot
                && let Poll::Ready(outcome) = request.as_mut().poll(cx)
            {
                match reply(outcome) {
                    Ok(reply) => {
                        self.done_bytes += bytes(&reply);
                        *slot = Slot::Done(reply);
                    }
                    Err(close) => return Poll::Ready(Err(close)),
                }
            }
        }
        match self.slots.front() {
            Some(Slot::Done(_)) => Poll::Ready(Ok(())),
            _ if held && !self.hold.is_set() => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    }

    /// Moves the replies whose turn has come to `out`.
    pub(super) fn take_ready(&mut self, out: &mut VecDeque<Bytes>) {
        while let Some(Slot::Done(_)) = self.slots.front() {
            if let Some(Slot::Done(reply)) = self.slots.pop_front() {
                self.done_bytes -= bytes(&reply);
                out.extend(reply);
            }
        }
    }
}

fn reply(outcome: Outcome) -> Result<Vec<Bytes>, Close> {
    match outcome {
        Outcome::Reply(chunks) => Ok(chunks),
        Outcome::Nothing => Ok(Vec::new()),
        Outcome::Close(why) => Err(why),
    }
}

fn bytes(reply: &[Bytes]) -> usize {
    reply.iter().map(Bytes::len).sum()
}

#[cfg(test)]
mod tests {
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
            let (done, wait) = oneshot::channel();
            let request = wait.map(|outcome| outcome.expect("the test answers")).boxed();
            let waker = noop_waker();
            let cx = &mut Context::from_waker(&waker);
            self.pipeline.start(cx, request, parks).expect("it only waits");
            done
        }

        fn poll(&mut self) -> Poll<Result<(), Close>> {
            let waker = noop_waker();
            let polled = self.pipeline.poll(&mut Context::from_waker(&waker));
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
        assert_eq!(bench.pipeline.done_bytes(), "second".len());
        first.send(text("first")).unwrap();
        assert!(matches!(bench.poll(), Poll::Ready(Ok(()))));
        assert_eq!(bench.out, ["first", "second"]);
        assert_eq!(bench.pipeline.done_bytes(), 0, "it is counted where it waits now");
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
        bench.pipeline.start(&mut Context::from_waker(&waker), request.boxed(), true).unwrap();
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
}
