//! Records as a `futures` stream.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::sync::Arc;

use futures::Stream;
use futures::stream::FusedStream;

use super::Handle;
use super::error::PollError;
use super::inbox::Inbox;
use super::receive::Place;
use super::record::ConsumerRecord;

/// The records of a consumer, one by one, from [`Consumer::stream`](super::Consumer::stream).
///
/// It owns a share of the consumer, so that it may outlive the handle and move to another task. It
/// ends when the consumer is closed; an error does not end it. Dropping it loses nothing: the next
/// receiver goes on where it stopped.
#[must_use = "a stream does nothing unless polled"]
pub struct RecordStream {
    handle: Arc<Handle>,
    place: Place,
    ended: bool,
}

impl RecordStream {
    pub(super) fn new(handle: Arc<Handle>) -> Self {
        Self { handle, place: Place::default(), ended: false }
    }
}

impl Drop for RecordStream {
    fn drop(&mut self) {
        self.place.give_up(self.handle.shared());
    }
}

impl Stream for RecordStream {
    type Item = Result<ConsumerRecord, PollError>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let shared = this.handle.shared();
        match ready!(shared.poll_receive(&mut this.place, cx, Inbox::take_record)) {
            Err(PollError::Closed) => {
                this.ended = true;
                Poll::Ready(None)
            }
            item => Poll::Ready(Some(item)),
        }
    }
}

impl FusedStream for RecordStream {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl fmt::Debug for RecordStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordStream").field("ended", &self.ended).finish_non_exhaustive()
    }
}
