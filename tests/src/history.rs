//! What one run's clients sent, what they were told, and what was read afterwards.

use std::collections::BTreeMap;

/// What a producer was told about a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is in the log, at this offset; `None` with acks=0, which tells no offset.
    Acked(Option<u64>),
    /// It is certainly not in the log.
    Refused,
    /// It may be in the log, once.
    Unknown,
}

/// One record sent. Its identity is its place in the order of its producer's `send` calls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sent {
    /// Which producer, as the test counts them.
    pub producer: u32,
    /// Which of its records, counted from 0 in the order of the calls.
    pub number: u64,
    /// The partition it was meant for.
    pub partition: i32,
    /// What came of it.
    pub fate: Fate,
}

/// One record read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Read {
    /// Where it was.
    pub partition: i32,
    /// Where it was.
    pub offset: u64,
    /// Which producer it says it is from.
    pub producer: u32,
    /// Which of that producer's records it says it is.
    pub number: u64,
}

/// Everything the clients of one run saw of one topic.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct History {
    /// What was sent, in any order.
    pub sent: Vec<Sent>,
    /// All of the topic read once from the beginning, in the order of each partition.
    pub read: Vec<Read>,
}

impl History {
    /// A value that says which record it is; [`History::read_value`] takes it apart.
    #[must_use]
    pub fn value(producer: u32, number: u64) -> String {
        format!("{producer}/{number}")
    }

    /// Notes a record that was read.
    ///
    /// # Panics
    ///
    /// If `value` is not one of [`History::value`]: somebody else's record.
    pub fn read_value(&mut self, partition: i32, offset: u64, value: &[u8]) {
        let parsed = core::str::from_utf8(value).ok().and_then(|text| {
            let (producer, number) = text.split_once('/')?;
            Some((producer.parse().ok()?, number.parse().ok()?))
        });
        let (producer, number) = parsed.expect("only records of this history are in the topic");
        self.read.push(Read { partition, offset, producer, number });
    }

    /// Where each record that was read stands: partition and offset, once for each time.
    pub(crate) fn places(&self) -> BTreeMap<(u32, u64), Vec<(i32, u64)>> {
        let mut places = BTreeMap::<_, Vec<_>>::new();
        for read in &self.read {
            let place = (read.partition, read.offset);
            places.entry((read.producer, read.number)).or_default().push(place);
        }
        places
    }
}
