//! A stream of records whose values are read by a deserializer.

use core::error::Error;
use core::fmt;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use futures::stream::FusedStream;
use futures::{Stream, StreamExt};

use super::error::PollError;
use super::record::ConsumerRecord;
use super::stream::RecordStream;
use crate::serializer::{DeserializeError, Deserializer};

/// A record and its value, read.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Decoded<T> {
    /// What its value is.
    pub value: T,
    /// The record itself: its position, key, headers, and the value's bytes.
    pub record: ConsumerRecord,
}

/// Why a [`DecodedStream`] has no value here. It goes on behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The value of a record is not what it was to be read as.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// No record could be read.
    #[error(transparent)]
    Poll(#[from] PollError),
}

/// A record whose value cannot be read. Says the same as its error.
#[derive(Debug)]
#[non_exhaustive]
pub struct Undecodable {
    /// The record, to be set aside.
    pub record: Box<ConsumerRecord>,
    /// What is wrong, and at which position.
    pub error: DeserializeError,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Undecodable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl RecordStream {
    /// The same stream, with values read by `deserializer`. A record that it cannot read is an
    /// error with its position, and the stream goes on.
    ///
    /// ```no_run
    /// # #[cfg(feature = "serde")]
    /// # async fn f(consumer: ottla::Consumer) {
    /// use futures::StreamExt;
    /// use ottla::{DecodeError, Json};
    ///
    /// let mut orders = consumer.stream().decode::<Vec<String>, _>(Json);
    /// while let Some(order) = orders.next().await {
    ///     match order {
    ///         Ok(order) => println!("{}: {:?}", order.record.offset, order.value),
    ///         Err(DecodeError::Undecodable(bad)) => eprintln!("left out: {bad}"),
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn decode<T, D>(self, deserializer: D) -> DecodedStream<T, D>
    where
        D: for<'a> Deserializer<'a, T>,
    {
        DecodedStream { records: self, deserializer, value: PhantomData }
    }
}

/// Records with their values, from [`RecordStream::decode`]. Ends when the consumer is closed;
/// dropping it loses nothing.
#[must_use = "a stream does nothing unless polled"]
pub struct DecodedStream<T, D> {
    records: RecordStream,
    deserializer: D,
    /// It makes values, and holds none.
    value: PhantomData<fn() -> T>,
}

impl<T, D> Stream for DecodedStream<T, D>
where
    D: for<'a> Deserializer<'a, T> + Unpin,
{
    type Item = Result<Decoded<T>, DecodeError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let item = ready!(this.records.poll_next_unpin(cx));
        Poll::Ready(item.map(|record| {
            let record = record?;
            match record.value_as(&this.deserializer) {
                Ok(value) => Ok(Decoded { value, record }),
                Err(error) => Err(Undecodable { record: Box::new(record), error }.into()),
            }
        }))
    }
}

impl<T, D> FusedStream for DecodedStream<T, D>
where
    D: for<'a> Deserializer<'a, T> + Unpin,
{
    fn is_terminated(&self) -> bool {
        self.records.is_terminated()
    }
}

impl<T, D> fmt::Debug for DecodedStream<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodedStream").field("records", &self.records).finish_non_exhaustive()
    }
}
