//! What clients did and were told, in the judge's own words: plain numbers, no type of ours.

/// A client, as the run counts them: what it sends is one producer's, what it polls one consumer's.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Process(pub u32);

/// A topic, by its place in [`History::topics`].
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Topic(pub u32);

/// A partition of one life of a topic: a topic deleted and made anew has another key.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: i32,
}

/// One life of a topic, and what may happen to its records.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TopicFacts {
    /// Its name.
    pub name: String,
    /// Its id; `None` where a client knew the name only. Another id is another topic.
    pub id: Option<u128>,
    /// Whether records may go once a later one has their label.
    pub is_compacted: bool,
    /// Whether the log's start may move unasked. Whoever runs such a topic asks for the start of
    /// each partition at the end: what lies beyond the last known start is not judged.
    pub is_retained: bool,
}

/// When something began or ended.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment {
    /// The order of all that began or ended in the run: what the judge goes by.
    pub step: u64,
    /// Nanoseconds since the run's start: for who reads a report.
    pub ns: u64,
}

/// What came of an operation, or of one record sent.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// Done.
    Ok,
    /// Surely without effect.
    Fail,
    /// Unknown: it may have had its effect, or have it yet.
    #[default]
    Info,
}

/// A record sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sent {
    /// Where it was to go.
    pub key: Key,
    /// Which record it is: no other of the run has this value.
    pub value: u64,
    /// A hash of all else that must arrive as it was sent: record key, headers, timestamp.
    pub digest: u64,
    /// The record key by which a compacted topic keeps the last.
    pub label: Option<u64>,
    /// What its sender was told.
    pub outcome: Outcome,
    /// The offset that came with [`Outcome::Ok`].
    pub offset: Option<i64>,
}

/// A record polled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Found {
    /// Where it was.
    pub offset: i64,
    /// Which record it says it is.
    pub value: u64,
    /// As [`Sent::digest`].
    pub digest: u64,
}

/// What a poll gave of one partition, in the order in which it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Run {
    /// The partition.
    pub key: Key,
    /// Its records.
    pub records: Vec<Found>,
}

/// Where a reader goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// To the log's start.
    Beginning,
    /// To the log's end.
    End,
    /// To this offset.
    Offset(i64),
}

/// What a client was told of a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mark {
    /// The log's start, as ListOffsets or a Fetch tells.
    Start(i64),
    /// The offset that the next record gets, as ListOffsets tells.
    Latest(i64),
    /// The high watermark, as a Fetch tells; it may lag.
    HighWatermark(i64),
}

/// What a client did. Groups bring `subscribe`, transactions an act that holds sends and polls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Act {
    /// Sent records, each of which has its own outcome; that of the operation says nothing.
    Send(Vec<Sent>),
    /// Polled.
    Poll {
        /// What came.
        runs: Vec<Run>,
        /// Partitions that were taken or given meanwhile: their reading starts anew.
        rebalanced: Vec<Key>,
    },
    /// From now on reads these partitions; keeps its position in those that it had.
    Assign(Vec<Key>),
    /// Moves its position.
    Seek(Key, Place),
    /// Died, and came back knowing nothing.
    Crash,
    /// Asked how a log stands; `None` until it is told.
    Observe(Key, Option<Mark>),
    /// Deleted records below `before`, or with `None` all; was told the log's new start.
    Trim {
        /// The partition.
        key: Key,
        /// Up to where.
        before: Option<i64>,
        /// What the broker said.
        start: Option<i64>,
    },
    /// Deleted a topic.
    Delete(Topic),
}

/// One operation of one process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Op {
    /// Whose.
    pub process: Process,
    /// When it began.
    pub began: Moment,
    /// When its outcome was known; `None` if never, and then it is [`Outcome::Info`].
    pub ended: Option<Moment>,
    /// What came of it.
    pub outcome: Outcome,
    /// What it was, with its results.
    pub act: Act,
}

/// All operations of a run, in the order in which they began.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct History {
    /// The topics, by [`Topic`].
    pub topics: Vec<TopicFacts>,
    /// The operations.
    pub ops: Vec<Op>,
    /// From this step on all is whole again, nothing is sent, and each partition assigned from then
    /// on is read from its beginning to its end. `None`: no such reading, and what is not seen is
    /// not missed.
    pub last_reading: Option<u64>,
}

/// Writes a [`History`] down while it happens. An operation that never ends stays unknown.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    history: History,
    step: u64,
}

impl Recorder {
    /// A topic, or another life of one.
    ///
    /// # Panics
    ///
    /// With more than `u32::MAX` topics.
    pub fn topic(&mut self, facts: TopicFacts) -> Topic {
        let number = u32::try_from(self.history.topics.len()).expect("few topics");
        self.history.topics.push(facts);
        Topic(number)
    }

    /// An operation begins; gives its number.
    pub fn begin(&mut self, process: Process, ns: u64, act: Act) -> usize {
        let began = self.moment(ns);
        let op = Op { process, began, ended: None, outcome: Outcome::Info, act };
        self.history.ops.push(op);
        self.history.ops.len() - 1
    }

    /// It ended, and had these results.
    pub fn end(&mut self, op: usize, ns: u64, outcome: Outcome, act: Act) {
        let ended = Some(self.moment(ns));
        let op = &mut self.history.ops[op];
        *op = Op { ended, outcome, act, ..*op };
    }

    /// A send of one record ended.
    pub fn told(&mut self, op: usize, ns: u64, outcome: Outcome, offset: Option<i64>) {
        if let Act::Send(sent) = &self.history.ops[op].act {
            let sent = sent.iter().map(|sent| Sent { outcome, offset, ..*sent }).collect();
            self.end(op, ns, outcome, Act::Send(sent));
        }
    }

    /// An operation that takes no time.
    pub fn at_once(&mut self, process: Process, ns: u64, act: Act) {
        let op = self.begin(process, ns, act.clone());
        self.end(op, ns, Outcome::Ok, act);
    }

    /// All is whole again: from here on everything is read once more.
    pub fn last_reading(&mut self) {
        self.history.last_reading = Some(self.step);
    }

    /// What was written down.
    #[must_use]
    pub fn finish(self) -> History {
        self.history
    }

    /// What is written down so far.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    const fn moment(&mut self, ns: u64) -> Moment {
        self.step += 1;
        Moment { step: self.step, ns }
    }
}
