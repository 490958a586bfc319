//! What is assigned: per partition the position, whether it is paused, and a generation.
//!
//! A [`Claim`] names a partition as it was at one moment. Whatever the application does to a
//! partition (seek, assign, unassign) makes its older claims stale, and what was fetched or decoded
//! under a stale claim is dropped: no record from before a seek is delivered after it.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_protocol::ids::{LeaderEpoch, Offset, PartitionIndex};

use super::config::OffsetReset;

/// One partition of one topic. Cheap to clone.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's index in it; the first is 0.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// Partition `partition` of `topic`.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition: PartitionIndex(partition) }
    }
}

impl fmt::Display for TopicPartition {
    /// As Kafka's tools print it: `orders-3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl<T: Into<Arc<str>>> From<(T, i32)> for TopicPartition {
    fn from((topic, partition): (T, i32)) -> Self {
        Self::new(topic, partition)
    }
}

impl From<&Self> for TopicPartition {
    fn from(other: &Self) -> Self {
        other.clone()
    }
}

/// Where reading of a partition starts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Start {
    /// At the current position if the partition was assigned already, else where the policy of
    /// [`ConsumerBuilder::reset`](super::ConsumerBuilder::reset) says.
    #[default]
    Default,
    /// At the first record that the partition still has.
    Earliest,
    /// Behind the last record that the partition has when the leader is asked.
    Latest,
    /// At this offset. If the log has no such offset, the reset policy decides.
    At(Offset),
    /// At this offset, if the log still is the one that it was taken from: see
    /// [`Consumer::seek_with_epoch`](super::Consumer::seek_with_epoch).
    AtEpoch {
        /// Where to read.
        offset: Offset,
        /// The epoch of the record before it.
        leader_epoch: LeaderEpoch,
    },
}

impl From<Offset> for Start {
    fn from(offset: Offset) -> Self {
        Self::At(offset)
    }
}

/// A partition to read, and from where. Made from a [`TopicPartition`], `("orders", 0)`,
/// or `("orders", 0, Start::Earliest)`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assignment {
    /// What to read.
    pub partition: TopicPartition,
    /// From where.
    pub start: Start,
}

impl<P: Into<TopicPartition>> From<P> for Assignment {
    fn from(partition: P) -> Self {
        Self { partition: partition.into(), start: Start::Default }
    }
}

impl<T: Into<Arc<str>>, S: Into<Start>> From<(T, i32, S)> for Assignment {
    fn from((topic, partition, start): (T, i32, S)) -> Self {
        Self { partition: TopicPartition::new(topic, partition), start: start.into() }
    }
}

/// One end of a partition's log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// Its first record.
    Earliest,
    /// Behind its last record.
    Latest,
}

/// Where the next record for the application comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Position {
    /// Every record before this offset was delivered or skipped.
    At(Offset),
    /// The leader must be asked first.
    Ask(End),
    /// The policy forbids to guess: nothing is read until the application seeks.
    Undefined,
}

/// How far a log was read: every record before `offset`, the last of them appended in `epoch`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reached {
    pub(crate) offset: Offset,
    /// `None`: not known, so that nobody can say whether the log was cut below.
    pub(crate) epoch: Option<LeaderEpoch>,
}

/// A partition as it was at one moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Claim {
    pub(crate) slot: usize,
    generation: u64,
}

/// An assigned partition.
#[derive(Debug)]
pub(crate) struct Assigned {
    pub(crate) partition: TopicPartition,
    pub(crate) position: Position,
    /// The leader epoch of the record before the position, if it is known.
    epoch: Option<LeaderEpoch>,
    pub(crate) paused: bool,
    generation: u64,
}

impl Assigned {
    /// How far records were handed out, if the position is known.
    pub(crate) const fn reached(&self) -> Option<Reached> {
        match self.position {
            Position::At(offset) => Some(Reached { offset, epoch: self.epoch }),
            Position::Ask(_) | Position::Undefined => None,
        }
    }

    /// The records before `reached` were handed out or skipped. Claims stay as they are.
    #[inline]
    pub(crate) const fn advance(&mut self, reached: Reached) {
        self.position = Position::At(reached.offset);
        self.epoch = reached.epoch;
    }
}

/// The assigned partitions, each in a slot that it keeps until it is unassigned.
#[derive(Debug)]
pub(crate) struct Subscription {
    reset: OffsetReset,
    slots: Vec<Option<Assigned>>,
    by_name: BTreeMap<Arc<str>, BTreeMap<PartitionIndex, usize>>,
    next_generation: u64,
}

impl Subscription {
    pub(crate) const fn new(reset: OffsetReset) -> Self {
        Self { reset, slots: Vec::new(), by_name: BTreeMap::new(), next_generation: 0 }
    }

    /// Where the policy says to go when there is no position.
    pub(crate) const fn policy(&self) -> Position {
        match self.reset {
            OffsetReset::Earliest => Position::Ask(End::Earliest),
            OffsetReset::Latest => Position::Ask(End::Latest),
            OffsetReset::Error => Position::Undefined,
        }
    }

    /// Replaces the assignment. A partition that stays, with [`Start::Default`], goes on as it was.
    /// If one is named twice, the last counts. Returns the slots whose old claims are now stale.
    pub(crate) fn assign(&mut self, wanted: Vec<Assignment>) -> Vec<usize> {
        let mut stay: BTreeMap<TopicPartition, Start> = BTreeMap::new();
        for Assignment { partition, start } in wanted {
            stay.insert(partition, start);
        }
        let mut changed = Vec::new();
        for slot in 0..self.slots.len() {
            let gone = self.get(slot).is_some_and(|a| !stay.contains_key(&a.partition));
            if gone {
                self.release(slot);
                changed.push(slot);
            }
        }
        for (partition, start) in stay {
            match (self.find(&partition), start) {
                (Some(_), Start::Default) => {}
                (Some(slot), start) => {
                    self.start(slot, start);
                    changed.push(slot);
                }
                (None, start) => {
                    let slot = self.occupy(partition);
                    self.start(slot, start);
                    changed.push(slot);
                }
            }
        }
        changed
    }

    fn occupy(&mut self, partition: TopicPartition) -> usize {
        let slot = self.slots.iter().position(Option::is_none).unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let indexes = self.by_name.entry(Arc::clone(&partition.topic)).or_default();
        indexes.insert(partition.partition, slot);
        let position = Position::Undefined;
        let assigned = Assigned { partition, position, epoch: None, paused: false, generation: 0 };
        self.slots[slot] = Some(assigned);
        slot
    }

    fn release(&mut self, slot: usize) {
        let Some(gone) = self.slots.get_mut(slot).and_then(Option::take) else { return };
        if let Some(indexes) = self.by_name.get_mut(&gone.partition.topic) {
            indexes.remove(&gone.partition.partition);
            if indexes.is_empty() {
                self.by_name.remove(&gone.partition.topic);
            }
        }
    }

    /// Moves a partition; its old claims become stale.
    pub(crate) fn start(&mut self, slot: usize, start: Start) {
        let position = match start {
            Start::Default => self.policy(),
            Start::Earliest => Position::Ask(End::Earliest),
            Start::Latest => Position::Ask(End::Latest),
            Start::At(offset) => Position::At(offset),
            Start::AtEpoch { offset, leader_epoch } => {
                let epoch = Some(leader_epoch);
                return self.move_to_reached(slot, Reached { offset, epoch });
            }
        };
        self.move_to(slot, position);
    }

    /// Moves a partition; its old claims become stale.
    pub(crate) fn move_to(&mut self, slot: usize, position: Position) {
        self.renew(slot);
        if let Some(assigned) = self.get_mut(slot) {
            (assigned.position, assigned.epoch) = (position, None);
        }
    }

    /// Moves a partition behind what was read of it once; its old claims become stale.
    pub(crate) fn move_to_reached(&mut self, slot: usize, reached: Reached) {
        self.renew(slot);
        if let Some(assigned) = self.get_mut(slot) {
            assigned.advance(reached);
        }
    }

    /// A partition stays where it is, but its old claims become stale.
    pub(crate) fn renew(&mut self, slot: usize) {
        self.next_generation += 1;
        let generation = self.next_generation;
        if let Some(assigned) = self.get_mut(slot) {
            assigned.generation = generation;
        }
    }

    /// The slot of a partition, if it is assigned.
    pub(crate) fn find(&self, partition: &TopicPartition) -> Option<usize> {
        self.find_named(&partition.topic, partition.partition)
    }

    /// The same, without a [`TopicPartition`] at hand.
    pub(crate) fn find_named(&self, topic: &str, partition: PartitionIndex) -> Option<usize> {
        self.by_name.get(topic)?.get(&partition).copied()
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&Assigned> {
        self.slots.get(slot)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut Assigned> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// A claim on a partition as it is now.
    pub(crate) fn claim(&self, slot: usize) -> Option<Claim> {
        self.get(slot).map(|a| Claim { slot, generation: a.generation })
    }

    /// The partition, unless something happened to it since the claim was made.
    pub(crate) fn claimed(&mut self, claim: Claim) -> Option<&mut Assigned> {
        self.get_mut(claim.slot).filter(|a| a.generation == claim.generation)
    }

    /// Every assigned partition with its slot, in the order of slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Assigned)> {
        self.slots.iter().enumerate().filter_map(|(slot, a)| Some((slot, a.as_ref()?)))
    }

    /// How many slots there are, used and free.
    pub(crate) const fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The topics of all assigned partitions, each once.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(n: i64) -> Offset {
        Offset::new(n).unwrap()
    }

    fn position(s: &Subscription, topic: &str, partition: i32) -> Option<Position> {
        s.get(s.find(&TopicPartition::new(topic, partition))?).map(|a| a.position)
    }

    #[test]
    fn a_partition_starts_where_it_is_told_or_where_the_policy_says() {
        let ask = Position::Ask;
        for (rule, reset, start, expected) in [
            ("policy", OffsetReset::Earliest, Start::Default, ask(End::Earliest)),
            ("policy", OffsetReset::Latest, Start::Default, ask(End::Latest)),
            ("no guess", OffsetReset::Error, Start::Default, Position::Undefined),
            ("told", OffsetReset::Error, Start::Earliest, ask(End::Earliest)),
            ("told", OffsetReset::Earliest, Start::Latest, ask(End::Latest)),
            ("told", OffsetReset::Latest, Start::At(offset(7)), Position::At(offset(7))),
        ] {
            let mut s = Subscription::new(reset);
            s.assign(vec![("t", 0, start).into()]);
            assert_eq!(position(&s, "t", 0), Some(expected), "{rule} {reset:?} {start:?}");
        }
    }

    #[test]
    fn a_partition_that_stays_assigned_goes_on_as_it_was() {
        let mut s = Subscription::new(OffsetReset::Latest);
        s.assign(vec![("t", 0, offset(5)).into(), ("t", 1, offset(6)).into()]);
        let slot = s.find_named("t", PartitionIndex(1)).unwrap();
        s.get_mut(slot).unwrap().paused = true;
        let (stays, goes) = (s.claim(slot).unwrap(), s.claim(0).unwrap());
        s.assign(vec![("t", 1).into(), ("u", 0, offset(9)).into()]);
        assert_eq!(position(&s, "t", 0), None);
        assert_eq!(position(&s, "t", 1), Some(Position::At(offset(6))));
        assert_eq!(position(&s, "u", 0), Some(Position::At(offset(9))));
        assert!(s.claimed(stays).unwrap().paused);
        assert!(s.claimed(goes).is_none(), "another partition has its slot now");
        assert_eq!(s.topics().map(|t| &**t).collect::<Vec<_>>(), ["t", "u"]);
    }

    #[test]
    fn every_move_makes_older_claims_stale_even_to_the_same_place() {
        let mut s = Subscription::new(OffsetReset::Earliest);
        let changed = s.assign(vec![("t", 0, offset(5)).into()]);
        assert_eq!(changed, [0]);
        let old = s.claim(0).unwrap();
        s.start(0, Start::At(offset(5)));
        assert!(s.claimed(old).is_none());
        let old = s.claim(0).unwrap();
        assert_eq!(s.assign(Vec::new()), [0]);
        s.assign(vec![("t", 0, offset(5)).into()]);
        assert!(s.claimed(old).is_none(), "unassigned in between");
        assert_eq!(s.slots(), 1, "slots are used again");
    }

    #[test]
    fn the_last_of_two_equal_partitions_counts() {
        let mut s = Subscription::new(OffsetReset::Earliest);
        s.assign(vec![("t", 0, offset(1)).into(), ("t", 0, offset(2)).into()]);
        assert_eq!(position(&s, "t", 0), Some(Position::At(offset(2))));
        assert_eq!(s.iter().count(), 1);
    }
}
