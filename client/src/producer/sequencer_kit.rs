//! A sequencer that is played events and says what they lead to, for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_protocol::Str;
use ottla_protocol::ids::{Offset, PartitionIndex, ProducerEpoch, ProducerId, Timestamp};
use ottla_protocol::record::{BatchHeader, Compression};

use super::*;
use crate::producer::delivery::Delivery;
use crate::producer::memory::Memory;
use crate::producer::record::Record;

/// An event. Batches are named by the order in which they came to be, halves of one that was split
/// included; batch 0 has one record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Do {
    /// Seals and sends the next batch, of that many records, if that is allowed.
    Seal(u32),
    /// Sends the next batch again, if that is allowed.
    Resend,
    /// The attempt to send that batch ended.
    Answer(u64, Said),
    /// So many seconds pass.
    Wait(u64),
    /// What is older than 10 seconds fails.
    Expire,
    /// The producer's epoch is that one from now on.
    Epoch(i16),
    /// The producer has no identity for now.
    NoIdentity,
    Resume,
    FailAll,
    /// The next number is the last there is.
    Wrap,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    Written,
    NotWritten,
    Unknown,
    OutOfOrder,
    TooLarge,
    Refused,
}

pub(super) use Do::{
    Answer as Told, Epoch, Expire, FailAll, NoIdentity, Resend, Resume as Go, Seal, Wait, Wrap,
};
pub(super) use Said::{NotWritten, OutOfOrder, Refused, TooLarge, Unknown, Written};

/// What is done, and what it leads to: what was sent (batch, epoch, first number, records), what
/// the partition needs, whose records learn which fate.
pub(super) type Step = (Do, &'static str);

/// A broker has acknowledged a batch under the identity.
const ESTABLISHED: [Step; 2] =
    [(Seal(1), "sent 0: epoch 0, #0, 1 records"), (Told(0, Written), "0 written")];

struct Bench {
    memory: Arc<Memory>,
    sealer: Sealer,
    sequencer: Sequencer,
    identity: Option<Identity>,
    now: Instant,
    next_batch: u64,
    /// What was sent of each batch, by all that is to be seen of it.
    bodies: BTreeMap<String, Vec<u8>>,
    /// Records by batch, and whether their fate was seen.
    records: Vec<(u64, Delivery, bool)>,
}

fn epoch(epoch: i16) -> Identity {
    Identity { id: ProducerId(9), epoch: ProducerEpoch(epoch) }
}

/// What is to be seen of a batch that is sent.
fn sent(batch: &SealedBatch) -> (String, Vec<u8>) {
    let header = BatchHeader::parse(batch.body()).unwrap();
    let numbers = match (header.producer_epoch, header.base_sequence) {
        (Some(epoch), Some(first)) => format!("epoch {}, #{first}", epoch.0),
        _ => "no numbers".to_owned(),
    };
    let words = format!("sent {}: {numbers}, {} records", batch.id().0, header.records_count);
    (words, batch.body().to_vec())
}

impl Bench {
    fn new(idempotent: bool) -> Self {
        Self {
            memory: Arc::new(Memory::new(100_000)),
            sealer: Sealer::new(Compression::None),
            sequencer: Sequencer::new(idempotent, 7),
            identity: idempotent.then(|| epoch(0)),
            now: Instant::from_millis(1),
            next_batch: 0,
            bodies: BTreeMap::new(),
            records: Vec::new(),
        }
    }

    fn name(&mut self) -> BatchId {
        self.next_batch += 1;
        BatchId(self.next_batch - 1)
    }

    fn seal(&mut self, records: u32) -> String {
        if !self.sequencer.can_seal(self.identity) {
            return "no".to_owned();
        }
        let (id, time) = (self.name(), Timestamp(1_000));
        let (topic, partition) = (Str::from_static("t"), PartitionIndex(0));
        let mut open = OpenBatch::new(&self.memory, topic, partition, time, self.now, 100);
        assert!(self.memory.try_reserve(100));
        open.add_reserved(100);
        for _ in 0..records {
            let delivery = open.append(&Record::new().value(&[7; 100]), time).unwrap();
            self.records.push((id.0, delivery, false));
        }
        let batch = self.sequencer.seal(open, id, self.identity, &mut self.sealer).unwrap();
        let sent = sent(batch);
        self.note(sent)
    }

    fn resend(&mut self) -> String {
        let (may, bytes) = (self.sequencer.can_resend(), self.sequencer.resend_len());
        let Some(batch) = self.sequencer.resend() else {
            assert_eq!((may, bytes), (false, None));
            return "no".to_owned();
        };
        assert_eq!((may, bytes), (true, Some(batch.body().len())));
        let sent = sent(batch);
        self.note(sent)
    }

    /// A batch that is sent again under the same numbers is the same to the byte.
    fn note(&mut self, (words, body): (String, Vec<u8>)) -> String {
        let before = self.bodies.insert(words.clone(), body.clone());
        assert!(before.is_none_or(|before| before == body), "{words}: other bytes than before");
        words
    }

    fn answer(&mut self, batch: u64, said: Said) -> String {
        let obstacle = || Obstacle::broker(ErrorCode::NETWORK_EXCEPTION);
        let refusal = SendError::Refused { code: ErrorCode::INVALID_RECORD, message: None };
        let receipt = Receipt { base_offset: Offset::new(0), log_append_time: None };
        let answer = match said {
            Written => Answer::Written(receipt),
            NotWritten => Answer::NotWritten(obstacle()),
            Unknown => Answer::Unknown(obstacle()),
            OutOfOrder => Answer::OutOfOrder(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
            TooLarge => Answer::TooLarge,
            Refused => Answer::Failed(refusal.into()),
        };
        let halves = match said {
            TooLarge => [self.name(), self.name()],
            _ => [BatchId(u64::MAX); 2],
        };
        self.sequencer.on_answer(BatchId(batch), answer, halves, &mut self.sealer);
        String::new()
    }

    fn resume(&mut self) -> String {
        match self.sequencer.resume(self.identity) {
            Resume::Going => "goes on".to_owned(),
            Resume::Waiting => "waits".to_owned(),
            Resume::NewIdentity(old) => format!("needs a newer epoch than {}", old.epoch.0),
        }
    }

    fn act(&mut self, what: Do) -> String {
        let timeout = Duration::from_secs(10);
        let mut words = match what {
            Seal(records) => self.seal(records),
            Resend => self.resend(),
            Told(batch, said) => self.answer(batch, said),
            Go => self.resume(),
            Wait(seconds) => {
                self.now = self.now + Duration::from_secs(seconds);
                String::new()
            }
            Expire => {
                self.sequencer.expire(self.now, timeout, None);
                String::new()
            }
            Epoch(number) => {
                self.identity = Some(epoch(number));
                String::new()
            }
            NoIdentity => {
                self.identity = None;
                String::new()
            }
            FailAll => {
                self.sequencer.fail_all(&SendError::Closed { possibly_written: false });
                String::new()
            }
            Wrap => {
                self.sequencer.next = Sequence::new(i32::MAX).unwrap();
                String::new()
            }
        };
        for fate in self.fates() {
            words += if words.is_empty() { "" } else { "; " };
            words += &fate;
        }
        words
    }

    /// Which batches' records learned their fate, since last asked; each batch once.
    fn fates(&mut self) -> Vec<String> {
        let mut fates = Vec::new();
        for (batch, delivery, seen) in self.records.iter_mut().filter(|record| !record.2) {
            let Some(outcome) = delivery.outcome() else { continue };
            *seen = true;
            let fate = match outcome {
                Ok(_) => "written",
                Err(SendError::Refused { .. }) => "refused",
                Err(SendError::Unanswered { .. }) => "perhaps written",
                Err(SendError::TimedOut { possibly_written: true, .. }) => {
                    "timed out, perhaps written"
                }
                Err(SendError::TimedOut { .. }) => "timed out",
                Err(SendError::Closed { possibly_written: false }) => "closed",
                Err(other) => panic!("{other}"),
            };
            let words = format!("{batch} {fate}");
            if fates.last() != Some(&words) {
                fates.push(words);
            }
        }
        fates
    }
}

/// Plays `steps` from a fresh start; in the end every record has a fate, and all bytes are back.
pub(super) fn play(promise: &str, idempotent: bool, steps: &[Step]) {
    let mut bench = Bench::new(idempotent);
    for (place, (what, expected)) in steps.iter().enumerate() {
        let words = bench.act(*what);
        assert_eq!(words, *expected, "{promise}: step {place}, {what:?}");
    }
    let Bench { sequencer, records, memory, .. } = bench;
    drop(sequencer);
    assert!(records.iter().all(|(_, delivery, _)| delivery.outcome().is_some()), "{promise}");
    assert_eq!(memory.reserved(), 0, "{promise}");
}

/// The same with a first batch that was acknowledged.
pub(super) fn play_established(promise: &str, steps: &[Step]) {
    play(promise, true, &[&ESTABLISHED, steps].concat());
}
