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

/// How much a connection may hold: requests that wait, and replies that wait to be written or for
/// the reply to an earlier request. Above it no request starts, and none that waits goes on to make
/// one more reply: a peer that does not read what it asked for does not get to pile it up here. One
/// request or reply may be larger.
pub(super) const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;

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
    /// With the size of its frame, which it keeps in memory.
    Running(BoxFuture<'static, Outcome>, usize),
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
    /// How many bytes the frames of requests have that are not done.
    running_bytes: usize,
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

    /// How many bytes requests have that are not done, and replies that wait for the reply to an
    /// earlier request.
    pub(super) const fn held_bytes(&self) -> usize {
        self.done_bytes + self.running_bytes
    }

    /// Starts a request of this size, which runs as far as it can at once.
    pub(super) fn start(
        &mut self,
        cx: &mut Context<'_>,
        mut request: BoxFuture<'static, Outcome>,
        size: usize,
        parks: bool,
    ) -> Result<(), Close> {
        debug_assert!(self.may_start(parks));
        self.overtakable = parks;
        self.hold.set(false);
        self.slots.push_back(match request.as_mut().poll(cx) {
            Poll::Pending => {
                self.running_bytes += size;
                Slot::Running(request, size)
            }
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
    /// turn to reply has not come. `unwritten`: how many bytes of replies have left here and wait
    /// to be written; to be polled again once it is less.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        unwritten: usize,
    ) -> Poll<Result<(), Close>> {
        let held = self.hold.is_set();
        for (i, slot) in self.slots.iter_mut().enumerate() {
            // replies that are done leave only once the first is, which must not wait for them
            let before = unwritten + if i == 0 { 0 } else { self.done_bytes };
            if before > HELD_BYTES_MAX {
                break;
            }
            let Slot::Running(request, size) = slot else { continue };
            let Poll::Ready(outcome) = request.as_mut().poll(cx) else { continue };
            let reply = match reply(outcome) {
                Ok(reply) => reply,
                Err(close) => return Poll::Ready(Err(close)),
            };
            self.done_bytes += bytes(&reply);
            self.running_bytes -= *size;
            *slot = Slot::Done(reply);
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
mod tests;
