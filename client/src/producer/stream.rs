//! Producing from a stream: `send_all`, and a sink.

use core::fmt;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use std::collections::VecDeque;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt as _, Sink, Stream, StreamExt as _};

use super::accumulator::Topic;
use super::delivery::Delivery;
use super::error::{EnqueueError, SendError, TryEnqueueError};
use super::record::Record;
use super::shared::{Hurry, Shared};
use super::{Producer, RecordMetadata};

/// Some records of a [`send_all`](Producer::send_all) were not acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{failed} records were not acknowledged, {acknowledged} were; the first failure: {first}")]
#[non_exhaustive]
pub struct SendAllError {
    /// How many were acknowledged.
    pub acknowledged: u64,
    /// How many failed. After a fatal failure the rest of the stream was not read.
    pub failed: u64,
    /// Why the first failed.
    #[source]
    pub first: SendError,
}

/// How many records, or runs of them, may lie behind the oldest that has no fate. Those that have theirs give their
/// memory back to the buffer, so that one partition without a leader would keep any number here.
const DELIVERIES_MAX: usize = 1 << 18; // 16 or 24 bytes each

/// How records fared so far.
#[derive(Default)]
struct Tally {
    acknowledged: u64,
    failed: u64,
    first: Option<SendError>,
}

impl Tally {
    fn count(&mut self, outcome: Result<RecordMetadata, SendError>) {
        match outcome {
            Ok(_) => self.acknowledged += 1,
            Err(why) => {
                self.failed += 1;
                self.first.get_or_insert(why);
            }
        }
    }
}

/// Records of one batch, each behind the one before.
struct Run {
    /// The first that is not counted.
    next: Delivery,
    records: u32,
}

impl Run {
    /// Takes the next record of the batch in, if it is that.
    fn extend(&mut self, delivery: &Delivery) -> bool {
        let follows = self.next.is_followed_by(delivery, self.records);
        self.records += u32::from(follows);
        follows
    }

    /// Counts those that have their fate; says whether all have.
    fn count(&mut self, tally: &mut Tally) -> bool {
        while self.records > 0 {
            if self.next.is_batch_acknowledged() {
                tally.acknowledged += u64::from(core::mem::take(&mut self.records));
                break;
            }
            let Some(outcome) = self.next.outcome() else { return false };
            self.count_next(outcome, tally);
        }
        true
    }

    fn count_next(&mut self, outcome: Result<RecordMetadata, SendError>, tally: &mut Tally) {
        tally.count(outcome);
        self.next.advance();
        self.records -= 1;
    }

    /// Waits until all have their fate.
    async fn wait(mut self, tally: &mut Tally) {
        while !self.count(tally) {
            let outcome = (&mut self.next).await;
            self.count_next(outcome, tally);
        }
    }
}

/// Enqueues a record. `last`: the topic of the one before, which is most often this one's too.
#[inline]
async fn enqueue(
    shared: &Shared,
    last: &mut Option<Arc<Topic>>,
    record: &Record<'_>,
) -> Result<Delivery, EnqueueError> {
    let name = record.topic().ok_or(EnqueueError::NoTopic)?;
    let known = last.take().filter(|topic| **topic.name() == *name);
    let topic = last.insert(known.unwrap_or_else(|| shared.topic(name)));
    match shared.append(topic, record, None) {
        Ok(delivery) => Ok(delivery),
        Err(blocked) => shared.enqueue_later(topic, record, blocked).await,
    }
}

pub(super) async fn send_all<'r>(
    producer: &Producer,
    records: impl Stream<Item = Record<'r>>,
) -> Result<u64, SendAllError> {
    let mut records = pin!(records);
    let mut tally = Tally::default();
    let mut runs: VecDeque<Run> = VecDeque::new();
    let mut topic = None;
    while let Some(record) = records.next().await {
        match enqueue(producer.shared(), &mut topic, &record).await {
            Ok(delivery) => {
                if runs.back_mut().is_some_and(|run| run.extend(&delivery)) {
                    continue; // a look for each batch is enough
                }
                runs.push_back(Run { next: delivery, records: 1 });
            }
            Err(why) => {
                let fatal = why.is_fatal();
                tally.count(Err(why.into()));
                if fatal {
                    break;
                }
            }
        }
        while runs.front_mut().is_some_and(|run| run.count(&mut tally)) {
            runs.pop_front();
        }
        if runs.len() >= DELIVERIES_MAX
            && let Some(front) = runs.pop_front()
        {
            let _hurry = producer.shared().hurry();
            front.wait(&mut tally).await;
        }
    }
    let _hurry = producer.shared().hurry();
    for run in runs {
        run.wait(&mut tally).await;
    }
    let Tally { acknowledged, failed, first } = tally;
    first.map_or(Ok(acknowledged), |first| Err(SendAllError { acknowledged, failed, first }))
}

/// The [`Sink`] of [`Producer::sink`]. A failed record is an error of the next call; the records
/// behind it are sent all the same.
pub struct ProducerSink {
    producer: Producer,
    /// A record that waits for metadata or room.
    waiting: Option<BoxFuture<'static, Result<Delivery, EnqueueError>>>,
    deliveries: VecDeque<Delivery>,
    /// While somebody waits for a fate; until then or the next record.
    hurry: Option<Hurry<Arc<Shared>>>,
}

impl ProducerSink {
    pub(super) fn new(producer: Producer) -> Self {
        Self { producer, waiting: None, deliveries: VecDeque::new(), hurry: None }
    }

    /// Waits for the fate of the oldest records until at most `left` have none.
    fn poll_deliveries(
        &mut self,
        left: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError>> {
        while self.deliveries.len() > left
            && let Some(delivery) = self.deliveries.front_mut()
        {
            if delivery.is_batch_acknowledged() {
                self.deliveries.pop_front(); // nobody wants to know where it is in the log
                continue;
            }
            let Poll::Ready(outcome) = delivery.poll_unpin(cx) else {
                let shared = &self.producer.handle.shared;
                self.hurry.get_or_insert_with(|| Hurry::new(Arc::clone(shared)));
                return Poll::Pending;
            };
            self.deliveries.pop_front();
            if outcome.is_err() {
                self.hurry = None;
            }
            outcome?;
        }
        self.hurry = None;
        Poll::Ready(Ok(()))
    }

    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Some(waiting) = &mut self.waiting else { return Poll::Ready(Ok(())) };
        let done = ready!(waiting.poll_unpin(cx));
        self.waiting = None;
        self.deliveries.push_back(done?);
        Poll::Ready(Ok(()))
    }
}

impl Sink<Record<'static>> for ProducerSink {
    type Error = SendError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        ready!(self.poll_waiting(cx))?;
        while let Some(oldest) = self.deliveries.front() {
            let acknowledged = oldest.is_batch_acknowledged();
            let outcome = if acknowledged { None } else { oldest.outcome() };
            if !acknowledged && outcome.is_none() {
                break;
            }
            self.deliveries.pop_front();
            outcome.transpose()?;
        }
        self.poll_deliveries(DELIVERIES_MAX - 1, cx)
    }

    fn start_send(mut self: Pin<&mut Self>, record: Record<'static>) -> Result<(), SendError> {
        self.hurry = None; // of a flush that was given up
        match self.producer.try_enqueue(&record) {
            Ok(delivery) => self.deliveries.push_back(delivery),
            Err(TryEnqueueError::Refused(why)) => return Err(why.into()),
            Err(TryEnqueueError::Full | TryEnqueueError::MetadataPending) => {
                let producer = self.producer.clone();
                self.waiting = Some(async move { producer.enqueue(record).await }.boxed());
            }
        }
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        ready!(self.poll_waiting(cx))?;
        self.poll_deliveries(0, cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_flush(cx)
    }
}

impl fmt::Debug for ProducerSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProducerSink({} records without a fate)", self.deliveries.len())
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
