//! The other end of the machine: what was fetched is decoded and handed out, and the position
//! moves with it.

use super::shelf::{Fetched, Ready};
use super::{Inbox, Retry};
use crate::consumer::decode::Block;
use crate::consumer::error::PollError;
use crate::consumer::record::ConsumerRecord;
use crate::consumer::subscription::{Claim, Reached, TopicPartition};

/// What came of asking for records.
#[derive(Debug)]
pub(crate) enum Taken<T> {
    /// This.
    Some(T),
    /// A partition, or a broker, has a problem.
    Error(PollError),
    /// Nothing is decoded: see [`Inbox::start_decoding`].
    Nothing,
}

/// A piece on its way through the decoder.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) claim: Claim,
    pub(crate) partition: TopicPartition,
    pub(crate) piece: Piece,
}

/// Before or after the decoder.
#[derive(Debug)]
pub(crate) enum Piece {
    Raw(Fetched),
    /// What came of a batch. A batch that yields an error is let go of: its frame comes along.
    Done(Ready),
}

impl Inbox {
    /// Everything that is decoded, block by block; blocks of one partition stand together.
    pub(crate) fn take_blocks(&mut self) -> Taken<Vec<Block>> {
        let mut blocks = Vec::new();
        for slot in self.turns() {
            while let Some(Ready::Block(_)) = self.front(slot) {
                let Some(block) = self.pop_block(slot) else { break };
                if block.len() > 0 {
                    blocks.push(block);
                }
            }
        }
        if blocks.is_empty() {
            return self.take_error().map_or(Taken::Nothing, Taken::Error);
        }
        Taken::Some(blocks)
    }

    /// The next record.
    #[inline]
    pub(crate) fn take_record(&mut self) -> Taken<ConsumerRecord> {
        // most records come from the block that the last one came from
        if let Some(record) = self.record_at(self.turn) {
            return Taken::Some(record);
        }
        self.take_next_record()
    }

    /// The next record of the block at the front of a partition; `None` if there is no such block,
    /// or no record left in it.
    #[inline]
    fn record_at(&mut self, slot: usize) -> Option<ConsumerRecord> {
        let assigned = self.subscription.get_mut(slot).filter(|a| !a.paused)?;
        let Ready::Block(block) = self.seats[slot].shelf.front_mut()? else { return None };
        let record = block.next_record()?;
        let (offset, epoch) = (record.offset.next(), record.leader_epoch);
        assigned.advance(Reached { offset, epoch });
        Some(record)
    }

    #[cold]
    fn take_next_record(&mut self) -> Taken<ConsumerRecord> {
        while let Some(slot) = self.next_ready() {
            self.turn = slot;
            if let Some(record) = self.record_at(slot) {
                return Taken::Some(record);
            }
            self.pop_block(slot);
            self.turn = slot + 1;
        }
        self.take_error().map_or(Taken::Nothing, Taken::Error)
    }

    /// The slots in the order of their turns.
    fn turns(&self) -> impl Iterator<Item = usize> + use<> {
        let slots = self.subscription.slots();
        let turn = if self.turn < slots { self.turn } else { 0 };
        (turn..slots).chain(0..turn)
    }

    fn is_open(&self, slot: usize) -> bool {
        self.subscription.get(slot).is_some_and(|a| !a.paused)
    }

    fn next_ready(&self) -> Option<usize> {
        self.turns().find(|&slot| {
            self.is_open(slot) && matches!(self.seats[slot].shelf.front(), Some(Ready::Block(_)))
        })
    }

    fn front(&self, slot: usize) -> Option<&Ready> {
        if self.is_open(slot) { self.seats[slot].shelf.front() } else { None }
    }

    /// Hands out the block at the front, all of it, and moves the position behind it.
    fn pop_block(&mut self, slot: usize) -> Option<Block> {
        let seat = &mut self.seats[slot];
        let full = self.config.partition_fetch_bytes_max;
        let was_full = seat.shelf.bytes() >= full;
        let Some(Ready::Block(block)) = seat.shelf.pop_ready(&mut self.frames) else { return None };
        self.nudge |= self.starved || (was_full && seat.shelf.bytes() < full);
        if let Some(assigned) = self.subscription.get_mut(slot) {
            assigned.advance(block.end());
        }
        Some(block)
    }

    /// The next error. Those of a partition wait until what was fetched before them is handed out.
    fn take_error(&mut self) -> Option<PollError> {
        if let Some(error) = self.take_trouble() {
            return Some(error);
        }
        for slot in self.turns() {
            if !self.is_open(slot) {
                continue;
            }
            if let Some(Ready::Broken { .. }) = self.seats[slot].shelf.front() {
                return self.take_broken(slot);
            }
            let seat = &mut self.seats[slot];
            if seat.error.is_some() && seat.shelf.is_empty() {
                return seat.error.take();
            }
        }
        None
    }

    /// Reading stays before what is broken; it is fetched again after a while.
    fn take_broken(&mut self, slot: usize) -> Option<PollError> {
        let assigned = self.subscription.get(slot)?;
        let (partition, reached) = (assigned.partition.clone(), assigned.reached());
        let seat = &mut self.seats[slot];
        let Some(Ready::Broken { offset, next, fault, .. }) =
            seat.shelf.pop_ready(&mut self.frames)
        else {
            return None;
        };
        // records below a gap were all handed out, so that the position may move up to it
        let epoch = reached.and_then(|reached| reached.epoch);
        self.subscription.move_to_reached(slot, Reached { offset, epoch });
        seat.restart(&mut self.frames);
        seat.retry = Retry::Backoff;
        self.nudge = true;
        Some(PollError::Corrupt { partition, offset, next, fault })
    }

    /// Fills `work` with about `bytes` of batches to decode, taking partitions in turn; at least
    /// one if there is any. All of them must come back through [`Inbox::finish_decoding`].
    pub(crate) fn start_decoding(&mut self, bytes: usize, work: &mut Vec<Work>) {
        let mut left = bytes;
        let mut last = None;
        for slot in self.turns() {
            let Some(claim) = self.subscription.claim(slot) else { continue };
            let Some(assigned) = self.subscription.get(slot).filter(|a| !a.paused) else {
                continue;
            };
            while left > 0
                && let Some(fetched) = self.seats[slot].shelf.pop_fetched()
            {
                if let Fetched::Batch(batch) = &fetched {
                    left = left.saturating_sub(batch.bytes.len());
                }
                let (partition, piece) = (assigned.partition.clone(), Piece::Raw(fetched));
                work.push(Work { claim, partition, piece });
                last = Some(slot);
            }
        }
        if let Some(slot) = last {
            self.turn = slot + 1; // the others come first next time
        }
    }

    /// Takes back what the decoder was given, in the same order: decoded, or left as it was.
    pub(crate) fn finish_decoding(&mut self, work: &mut Vec<Work>) {
        // what was left as it was goes back in front of the rest, so the last piece first
        let first_raw = work.iter().position(|w| matches!(w.piece, Piece::Raw(_)));
        let raw = work.split_off(first_raw.unwrap_or(work.len()));
        for Work { claim, piece, .. } in work.drain(..) {
            let current = self.subscription.claimed(claim).is_some();
            let Piece::Done(ready) = piece else { continue };
            if current {
                self.seats[claim.slot].shelf.push_ready(ready, &mut self.frames);
            } else if let Some(pin) = ready.pin() {
                self.frames.release(pin);
                self.nudge |= self.starved; // there is room again
            }
        }
        for Work { claim, piece, .. } in raw.into_iter().rev() {
            let current = self.subscription.claimed(claim).is_some();
            match piece {
                Piece::Raw(fetched) if current => {
                    self.seats[claim.slot].shelf.unpop_fetched(fetched);
                }
                Piece::Raw(Fetched::Batch(batch)) => {
                    self.frames.release(batch.pin);
                    self.nudge |= self.starved;
                }
                Piece::Raw(Fetched::Broken { .. }) | Piece::Done(_) => {}
            }
        }
    }
}
