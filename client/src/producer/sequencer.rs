//! Numbers the batches of one partition, and knows what may be sent when, so that no retry appends
//! a record twice, loses one, or changes their order (KIP-98, KIP-360).
//!
//! It is a queue of [`Entry`]s, oldest first: batches whose fate is not known. Rules:
//! - a batch once sent keeps its bytes and numbers until its fate is known;
//! - batches go out in order; a retry goes before what was never sent;
//! - at most `window` entries are out at once: a broker remembers only that many;
//! - until the first batch under an identity is acknowledged it travels alone: a broker that knows
//!   nothing of the producer takes any number, also that of a second batch after a lost first;
//! - a batch that failed leaves a *hole* in the numbers, and nothing behind it may go out. When the
//!   hole is the oldest entry and nothing is out, what may be in the log fails, what certainly is
//!   not gets new numbers: from the hole on if it is *clean*, else from 0 under a newer identity.

use core::time::Duration;
use std::collections::VecDeque;

use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::ids::Sequence;
use ottla_runtime::Instant;

use super::batch::{BatchId, Identity, Numbers, OpenBatch, SealedBatch};
use super::delivery::{Failure, Receipt};
use super::error::{Obstacle, SendError};
use super::sealer::Sealer;

/// More batches in flight than this to a partition, and a broker no longer recognizes a retry.
pub(crate) const IN_FLIGHT_MAX: usize = 5;

/// What became of one attempt to send a batch.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The broker has it.
    Written(Receipt),
    /// Not appended by this attempt; another one may succeed.
    NotWritten(Obstacle),
    /// Perhaps appended; an identical attempt may tell.
    Unknown(Obstacle),
    /// The broker misses an earlier batch, or lost what it knew of us.
    OutOfOrder(ErrorCode),
    /// Not appended: more bytes than the broker takes.
    TooLarge,
    /// It will not be tried again.
    Failed(Failure),
}

/// What the partition needs after an input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Resume {
    /// Nothing: it goes on.
    Going,
    /// Answers that are still out.
    Waiting,
    /// An identity newer than the one it used.
    NewIdentity(Identity),
}

#[derive(Debug)]
struct Entry {
    id: BatchId,
    state: State,
}

#[derive(Debug)]
enum State {
    /// To be sent, again or for the first time.
    Waiting(SealedBatch),
    /// A request with it is out.
    Out(SealedBatch),
    /// A request with it is out, but its records were told their fate.
    Ghost,
    /// Its numbers are missing in the log, or may be.
    Hole(Hole),
}

#[derive(Clone, Copy, Debug)]
enum Hole {
    /// Its numbers certainly were never used: they can be given again, from this one on.
    Clean(Sequence),
    /// Only a newer identity helps.
    Dirty,
}

/// The batches of one partition whose fate is not known.
#[derive(Debug)]
pub(crate) struct Sequencer {
    idempotent: bool,
    window: usize,
    identity: Option<Identity>,
    next: Sequence,
    /// Whether a broker has acknowledged a batch under `identity`.
    established: bool,
    entries: VecDeque<Entry>,
}

impl Sequencer {
    /// `window`: how many batches may be out at once.
    pub(crate) fn new(idempotent: bool, window: usize) -> Self {
        let window = if idempotent { window.min(IN_FLIGHT_MAX) } else { window };
        let (next, entries) = (Sequence::ZERO, VecDeque::new());
        Self { idempotent, window, identity: None, next, established: false, entries }
    }

    /// Whether every batch has its fate and no request is out. A hole may be left: it waits for an
    /// identity that may never come, and for the sake of batches that are not there.
    pub(crate) fn is_idle(&self) -> bool {
        self.entries.iter().all(|entry| matches!(entry.state, State::Hole(_)))
    }

    /// How many requests are out.
    pub(crate) fn out(&self) -> usize {
        let out = |e: &&Entry| matches!(e.state, State::Out(_) | State::Ghost);
        self.entries.iter().filter(out).count()
    }

    /// When the oldest batch that has no fate was opened.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.entries.iter().find_map(|entry| match &entry.state {
            State::Waiting(batch) | State::Out(batch) => Some(batch.opened_at()),
            State::Ghost | State::Hole(_) => None,
        })
    }

    /// Whether a new batch may be sealed and sent under `identity`.
    pub(crate) fn can_seal(&self, identity: Option<Identity>) -> bool {
        if self.entries.len() >= self.window {
            return false;
        }
        if !self.idempotent {
            return !self.entries.iter().any(|e| matches!(e.state, State::Waiting(_)));
        }
        let Some(identity) = identity else { return false };
        if self.entries.is_empty() {
            return true;
        }
        self.established
            && self.identity == Some(identity)
            && self.entries.iter().all(|e| matches!(e.state, State::Out(_)))
    }

    /// Numbers `open` and counts it as sent. `None` if it cannot be sealed; its records know.
    pub(crate) fn seal(
        &mut self,
        open: OpenBatch,
        id: BatchId,
        identity: Option<Identity>,
        sealer: &mut Sealer,
    ) -> Option<&SealedBatch> {
        assert!(self.can_seal(identity), "ask can_seal first");
        let records = open.records();
        if self.idempotent && self.identity != identity {
            self.adopt(identity);
        }
        let numbers = self.numbers_at(self.next);
        let mut batch = open.seal(id, numbers, sealer)?;
        self.next = self.next.after(records);
        batch.set_out(true);
        self.entries.push_back(Entry { id, state: State::Out(batch) });
        self.check();
        self.entries.back().and_then(Entry::batch)
    }

    fn adopt(&mut self, identity: Option<Identity>) {
        self.identity = identity;
        self.next = Sequence::ZERO;
        self.established = false;
    }

    fn numbers_at(&self, first: Sequence) -> Option<Numbers> {
        self.identity.filter(|_| self.idempotent).map(|identity| Numbers { identity, first })
    }

    /// The place of the batch that is to be sent again now.
    fn resendable(&self) -> Option<usize> {
        let reach = if self.idempotent && !self.established { 1 } else { self.window };
        for (place, entry) in self.entries.iter().take(reach).enumerate() {
            match &entry.state {
                State::Out(_) => {}
                State::Waiting(_) => return Some(place),
                State::Ghost if !self.idempotent => {}
                State::Ghost | State::Hole(_) => return None,
            }
        }
        None
    }

    /// Whether a batch waits to be sent again and may be now.
    pub(crate) fn can_resend(&self) -> bool {
        self.resendable().is_some()
    }

    /// How many bytes the records of a batch had before compression.
    pub(crate) fn raw_len(&self, id: BatchId) -> Option<usize> {
        let entry = self.entries.iter().find(|entry| entry.id == id)?;
        entry.batch().map(SealedBatch::raw_len)
    }

    /// How many bytes the next batch to be sent again has.
    pub(crate) fn resend_len(&self) -> Option<usize> {
        let entry = self.entries.get(self.resendable()?)?;
        entry.batch().map(|batch| batch.body().len())
    }

    /// The next batch to be sent again; counts it as sent.
    pub(crate) fn resend(&mut self) -> Option<&SealedBatch> {
        let place = self.resendable()?;
        let entry = self.entries.get_mut(place)?;
        if let State::Waiting(mut batch) = core::mem::replace(&mut entry.state, State::Ghost) {
            batch.set_out(true);
            entry.state = State::Out(batch);
        }
        self.entries.get(place).and_then(Entry::batch)
    }

    /// What became of the attempt to send batch `id`. `split` names the halves should it be split.
    pub(crate) fn on_answer(
        &mut self,
        id: BatchId,
        answer: Answer,
        split: [BatchId; 2],
        sealer: &mut Sealer,
    ) {
        let Some(place) = self.entries.iter().position(|entry| entry.id == id) else {
            debug_assert!(false, "an answer to what was never sent");
            return;
        };
        let Some(mut entry) = self.entries.remove(place) else { return };
        let batch = match core::mem::replace(&mut entry.state, State::Hole(Hole::Dirty)) {
            State::Out(mut batch) => {
                batch.set_out(false);
                batch
            }
            State::Ghost => {
                if self.idempotent {
                    self.entries.insert(place, entry); // as a hole
                }
                return;
            }
            State::Waiting(_) | State::Hole(_) => {
                debug_assert!(false, "an answer to what is not out");
                return;
            }
        };
        self.judge(place, batch, answer, split, sealer);
        self.check();
    }

    fn judge(
        &mut self,
        place: usize,
        mut batch: SealedBatch,
        answer: Answer,
        split: [BatchId; 2],
        sealer: &mut Sealer,
    ) {
        match answer {
            Answer::Written(receipt) => {
                self.established = true;
                self.soil_before(place);
                batch.settle(Ok(receipt));
            }
            Answer::NotWritten(_) => self.wait(place, batch),
            Answer::Unknown(_) => {
                batch.doubt();
                self.wait(place, batch);
            }
            Answer::OutOfOrder(_) => self.on_out_of_order(place, batch),
            Answer::TooLarge => match batch.split(split, sealer) {
                Ok([left, right]) => {
                    self.wait(place, right);
                    self.wait(place, left);
                }
                Err(batch) => {
                    let refusal =
                        SendError::Refused { code: ErrorCode::MESSAGE_TOO_LARGE, message: None };
                    self.fail(place, *batch, refusal.into());
                }
            },
            Answer::Failed(failure) => self.fail(place, batch, failure),
        }
    }

    fn wait(&mut self, place: usize, batch: SealedBatch) {
        self.entries.insert(place, Entry { id: batch.id(), state: State::Waiting(batch) });
    }

    /// A broker took a batch behind these: either it has them, or it has forgotten us. No number
    /// of theirs can be given again.
    fn soil_before(&mut self, place: usize) {
        for entry in self.entries.iter_mut().take(place) {
            match &mut entry.state {
                State::Hole(hole) => *hole = Hole::Dirty,
                State::Waiting(batch) => batch.doubt(),
                State::Out(_) | State::Ghost => {}
            }
        }
    }

    /// Behind a batch that has no fate this is no news. The oldest one should have been taken: the
    /// broker lost what it knew of us. Then only a newer identity helps (KIP-360), and a batch
    /// that was sent before, without an answer, may be among what the broker knows no more:
    /// [`Sequencer::resume`] fails it.
    fn on_out_of_order(&mut self, place: usize, batch: SealedBatch) {
        let id = batch.id();
        self.wait(place, batch);
        if place == 0 {
            self.entries.push_front(Entry { id, state: State::Hole(Hole::Dirty) });
        }
    }

    /// Tells the records of a batch that is not out why they failed; leaves a hole.
    fn fail(&mut self, place: usize, batch: SealedBatch, mut failure: Failure) {
        if batch.is_doubtful() && !failure.error.possibly_written() {
            // this attempt was refused, but an earlier one may have been appended
            let last = failure.error.code().map(Obstacle::broker);
            failure = SendError::Unanswered { last }.into();
        }
        let hole = match batch.numbers() {
            Some(numbers) if !batch.is_doubtful() => Hole::Clean(numbers.first),
            _ => Hole::Dirty,
        };
        let id = batch.id();
        batch.settle(Err(failure));
        if self.idempotent {
            self.entries.insert(place, Entry { id, state: State::Hole(hole) });
        }
    }

    /// Fails what was opened at least `timeout` before `now`.
    pub(crate) fn expire(&mut self, now: Instant, timeout: Duration, last: Option<&Obstacle>) {
        let is_due = |entry: &Entry| match entry.batch() {
            Some(batch) => batch.opened_at() + timeout <= now,
            None => false,
        };
        while let Some(place) = self.entries.iter().position(is_due) {
            let Some(mut entry) = self.entries.remove(place) else { return };
            let why = |batch: &SealedBatch| SendError::TimedOut {
                waited: timeout,
                possibly_written: batch.is_possibly_written(),
                last: last.cloned(),
            };
            match core::mem::replace(&mut entry.state, State::Ghost) {
                State::Out(batch) => {
                    let error = why(&batch);
                    batch.settle(Err(error.into()));
                    self.entries.insert(place, entry);
                }
                State::Waiting(batch) => {
                    let error = why(&batch);
                    self.fail(place, batch, error.into());
                }
                State::Ghost | State::Hole(_) => debug_assert!(false, "only batches fall due"),
            }
        }
        self.check();
    }

    /// Fails everything, because nothing can be sent any more.
    pub(crate) fn fail_all(&mut self, error: &SendError) {
        for entry in &mut self.entries {
            match core::mem::replace(&mut entry.state, State::Ghost) {
                State::Out(batch) => {
                    let last = None;
                    batch.settle(Err(SendError::Unanswered { last }.into()));
                }
                State::Waiting(batch) if batch.is_doubtful() => {
                    batch.settle(Err(SendError::Unanswered { last: None }.into()));
                    entry.state = State::Hole(Hole::Dirty);
                }
                State::Waiting(batch) => {
                    batch.settle(Err(error.clone().into()));
                    entry.state = State::Hole(Hole::Dirty);
                }
                other => entry.state = other,
            }
        }
        self.entries.retain(|entry| matches!(entry.state, State::Ghost));
    }

    /// Gets past the holes, if that is due. `identity`: the producer's present one.
    pub(crate) fn resume(&mut self, identity: Option<Identity>) -> Resume {
        let Some(Entry { state: State::Hole(first), .. }) = self.entries.front() else {
            return Resume::Going;
        };
        let first = *first;
        if self.out() > 0 {
            return Resume::Waiting;
        }
        self.fail_doubtful();
        let dirty = |e: &Entry| matches!(e.state, State::Hole(Hole::Dirty));
        match first {
            Hole::Clean(start) if !self.entries.iter().any(dirty) => self.next = start,
            _ if identity.is_some() && identity != self.identity => self.adopt(identity),
            _ => return self.identity.map_or(Resume::Going, Resume::NewIdentity),
        }
        self.entries.retain(|entry| !matches!(entry.state, State::Hole(_)));
        self.renumber();
        self.check();
        Resume::Going
    }

    /// What may be in the log can get no other numbers, and cannot be appended under its own.
    fn fail_doubtful(&mut self) {
        for entry in &mut self.entries {
            if !entry.batch().is_some_and(SealedBatch::is_doubtful) {
                continue;
            }
            let hole = State::Hole(Hole::Dirty);
            if let State::Waiting(batch) = core::mem::replace(&mut entry.state, hole) {
                batch.settle(Err(SendError::Unanswered { last: None }.into()));
            }
        }
    }

    fn renumber(&mut self) {
        let mut next = self.next;
        for entry in &mut self.entries {
            if let State::Waiting(batch) = &mut entry.state
                && let Some(identity) = self.identity
            {
                batch.renumber(Numbers { identity, first: next });
                next = next.after(batch.records());
            }
        }
        self.next = next;
    }

    /// States what always holds.
    fn check(&self) {
        if !cfg!(debug_assertions) || !self.idempotent {
            return;
        }
        let mut end: Option<Sequence> = None;
        let numbered = |entry| Entry::batch(entry).map(|batch| (batch.numbers(), batch.records()));
        for (numbers, records) in self.entries.iter().filter_map(numbered) {
            let numbers = numbers.expect("an idempotent batch is numbered");
            assert_eq!(Some(numbers.identity), self.identity, "one identity in a partition");
            assert!(end.is_none_or(|end| end.reaches(numbers.first)), "numbers in order");
            end = Some(numbers.first.after(records));
        }
        assert!(end.is_none_or(|end| end.reaches(self.next)), "the next number is the last");
    }
}

/// Which of two numbers comes first, as far as a partition's few batches go.
trait Reaches {
    fn reaches(self, later: Self) -> bool;
}

impl Reaches for Sequence {
    fn reaches(self, later: Self) -> bool {
        later.get().wrapping_sub(self.get()) & i32::MAX < 1 << 30
    }
}

impl Entry {
    fn batch(&self) -> Option<&SealedBatch> {
        match &self.state {
            State::Waiting(batch) | State::Out(batch) => Some(batch),
            State::Ghost | State::Hole(_) => None,
        }
    }
}

#[cfg(test)]
#[path = "sequencer_kit.rs"]
mod sequencer_kit;
#[cfg(test)]
#[path = "sequencer_tests.rs"]
mod tests;
