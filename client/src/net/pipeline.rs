//! The requests that were sent on one connection and wait for their answers.
//!
//! A broker answers in order. An answer that is not the next one means that the two sides no
//! longer agree on what was asked; only a new connection can mend that.

use std::collections::VecDeque;

use ottla_protocol::ids::CorrelationId;
use ottla_runtime::Instant;

/// Matches answers with what was asked. `T` is who waits.
#[derive(Debug)]
pub(crate) struct Pipeline<T> {
    in_flight: VecDeque<InFlight<T>>,
    next: i32,
}

/// One request without its answer.
#[derive(Debug)]
pub(crate) struct InFlight<T> {
    correlation: CorrelationId,
    /// When the answer comes too late.
    pub(crate) deadline: Instant,
    /// How many bytes the connection had taken when the last byte of this request was among them.
    pub(crate) end: u64,
    /// Who waits.
    pub(crate) waiting: T,
}

/// The peer sent an answer that nobody waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unexpected {
    #[error("it answers {got} although nothing was asked")]
    NothingAsked { got: CorrelationId },
    #[error("it answers {got} although {next} is next")]
    OutOfOrder { got: CorrelationId, next: CorrelationId },
}

impl<T> Default for Pipeline<T> {
    fn default() -> Self {
        Self { in_flight: VecDeque::new(), next: 0 }
    }
}

impl<T> Pipeline<T> {
    /// The number of the next request; 0 follows the highest.
    pub(crate) const fn next_correlation(&mut self) -> CorrelationId {
        let id = self.next;
        self.next = if id == i32::MAX { 0 } else { id + 1 };
        CorrelationId(id)
    }

    /// Notes that the request is on its way; in the order of the wire.
    pub(crate) fn sent(
        &mut self,
        correlation: CorrelationId,
        deadline: Instant,
        end: u64,
        waiting: T,
    ) {
        assert!(self.in_flight.back().is_none_or(|last| last.end < end)); // wire order
        self.in_flight.push_back(InFlight { correlation, deadline, end, waiting });
    }

    /// Who waits for the answer `got`.
    pub(crate) fn on_answer(&mut self, got: CorrelationId) -> Result<T, Unexpected> {
        let Some(first) = self.in_flight.front() else {
            return Err(Unexpected::NothingAsked { got });
        };
        let next = first.correlation;
        if next != got {
            return Err(Unexpected::OutOfOrder { got, next });
        }
        let first = self.in_flight.pop_front();
        first.map(|f| f.waiting).ok_or(Unexpected::NothingAsked { got })
    }

    /// When the first of them is overdue.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.in_flight.iter().map(|f| f.deadline).min()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Ends the connection: all that were left without an answer.
    pub(crate) fn into_unanswered(self) -> impl Iterator<Item = InFlight<T>> {
        self.in_flight.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_match_in_order_and_any_other_is_named() {
        let mut pipeline = Pipeline::default();
        let nobody = CorrelationId(9);
        let unasked = Err(Unexpected::NothingAsked { got: nobody });
        assert_eq!(pipeline.on_answer(nobody), unasked);
        for (i, who) in ["a", "b", "c"].into_iter().enumerate() {
            let id = pipeline.next_correlation();
            let end = u64::try_from(i).unwrap() + 1;
            pipeline.sent(id, Instant::from_millis(100 - end), end, who);
        }
        assert_eq!(pipeline.next_deadline(), Some(Instant::from_millis(97)), "the earliest");
        assert_eq!(pipeline.on_answer(CorrelationId(0)), Ok("a"));
        let (got, next) = (CorrelationId(2), CorrelationId(1));
        assert_eq!(pipeline.on_answer(got), Err(Unexpected::OutOfOrder { got, next }));
        assert_eq!(pipeline.on_answer(next), Ok("b"));
        assert_eq!(pipeline.len(), 1);
        let left: Vec<_> = pipeline.into_unanswered().map(|f| f.waiting).collect();
        assert_eq!(left, ["c"]);
    }

    #[test]
    fn correlation_ids_wrap_to_zero() {
        let mut pipeline = Pipeline::<()> { next: i32::MAX, ..Pipeline::default() };
        assert_eq!(pipeline.next_correlation(), CorrelationId(i32::MAX));
        assert_eq!(pipeline.next_correlation(), CorrelationId(0));
    }
}
