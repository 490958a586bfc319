//! Tagged fields (KIP-482): what a struct of a flexible version ends with.

use bytes::Bytes;

use super::{FrameWriter, Mark, Reader};
use crate::error::{DecodeError, DecodeReason, EncodeError, EncodeReason};
use crate::schema::taken;

/// Tagged fields of one struct that its declaration does not know; written back as they came.
///
/// Takes one word while there are none, and allocates only then.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct UnknownTags(
    #[expect(clippy::box_collection, reason = "one word in every struct")]
    Option<Box<Vec<(u32, Bytes)>>>,
);

impl UnknownTags {
    /// None.
    pub const NONE: Self = Self(None);

    /// The tags and their bytes, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[(u32, Bytes)] {
        self.0.as_ref().map_or(&[], |tags| tags.as_slice())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Adds a tag; tags must be added in ascending order.
    pub fn push(&mut self, tag: u32, bytes: Bytes) {
        self.0.get_or_insert_default().push((tag, bytes));
    }

    /// Adds a tag that a peer sent, if the budget allows.
    fn receive(&mut self, tag: u32, bytes: Bytes, reader: &mut Reader) -> Result<(), DecodeError> {
        let (len, capacity) = self.0.as_ref().map_or((0, 0), |tags| (tags.len(), tags.capacity()));
        if len == capacity {
            // charged for each growth anew: while a Vec moves, both copies exist
            let more = capacity.max(2);
            reader.charge((capacity + more) * size_of::<(u32, Bytes)>() + size_of::<Vec<()>>())?;
            self.0.get_or_insert_default().reserve_exact(more);
        }
        self.push(tag, bytes);
        Ok(())
    }
}

/// Reads the tagged fields at the end of a struct.
///
/// `known` takes the whole field and says so, if it knows the tag.
pub(crate) fn read_tags(
    reader: &mut Reader,
    mut known: impl FnMut(u32, &mut Reader) -> Result<bool, DecodeError>,
) -> Result<UnknownTags, DecodeError> {
    let mut unknown = UnknownTags::NONE;
    let count = taken(reader.uvarint(), TAGS)?;
    let mut previous = None;
    for _ in 0..count {
        let (tag, outer) = taken(enter_tag(reader, previous), TAGS)?;
        previous = Some(tag);
        if !known(tag, reader)? {
            let bytes = reader.take_rest();
            taken(unknown.receive(tag, bytes, reader), TAGS)?;
        }
        reader.leave(outer);
    }
    Ok(unknown)
}

/// What errors call the tagged fields as a whole.
const TAGS: &str = "unknown_tags";

/// Reads tag and size, and narrows the reader to the field; gives the frame to restore.
fn enter_tag(reader: &mut Reader, previous: Option<u32>) -> Result<(u32, Bytes), DecodeError> {
    let tag = reader.uvarint()?;
    if let Some(previous) = previous.filter(|&previous| previous >= tag) {
        return Err(DecodeError::new(DecodeReason::TagOrder { tag, previous }));
    }
    let size = reader.uvarint()?;
    let size = usize::try_from(size)
        .map_err(|_| DecodeError::new(DecodeReason::BadLength(i64::from(size))))?;
    Ok((tag, reader.enter(size)?))
}

/// Writes the tagged fields at the end of a struct, ascending, known and unknown merged.
#[derive(Debug)]
pub struct TagWriter<'a> {
    start: Mark,
    count: u32,
    last: Option<u32>,
    unknown: &'a [(u32, Bytes)],
}

impl<'a> TagWriter<'a> {
    pub(crate) fn new(out: &FrameWriter, unknown: &'a UnknownTags) -> Self {
        Self { start: out.mark(), count: 0, last: None, unknown: unknown.as_slice() }
    }

    /// Starts the field of `tag`: unknown fields with lower tags go first.
    pub(crate) fn open(&mut self, out: &mut FrameWriter, tag: u32) -> Result<Mark, EncodeError> {
        self.put_unknown(out, Some(tag))?;
        self.put_tag(out, tag)?;
        Ok(out.mark())
    }

    /// Ends the field that `mark` started: its size goes in front of it.
    pub(crate) fn close(out: &mut FrameWriter, mark: Mark) -> Result<(), EncodeError> {
        let length = out.len_since(mark);
        out.insert_uvarint(mark, size(length)?);
        Ok(())
    }

    /// Writes the unknown fields that are left, and the count in front of all.
    pub(crate) fn finish(&mut self, out: &mut FrameWriter) -> Result<(), EncodeError> {
        self.put_unknown(out, None)?;
        match self.count {
            0 => out.put_uvarint(0), // nothing was written since the start
            count => out.insert_uvarint(self.start, count),
        }
        Ok(())
    }

    fn put_unknown(
        &mut self,
        out: &mut FrameWriter,
        below: Option<u32>,
    ) -> Result<(), EncodeError> {
        while let Some(((tag, bytes), rest)) = self.unknown.split_first() {
            if below.is_some_and(|below| *tag >= below) {
                break;
            }
            self.unknown = rest;
            self.put_tag(out, *tag)?;
            out.put_uvarint(size(bytes.len())?);
            out.put_bytes(bytes);
        }
        Ok(())
    }

    fn put_tag(&mut self, out: &mut FrameWriter, tag: u32) -> Result<(), EncodeError> {
        if self.last.is_some_and(|last| last >= tag) {
            return Err(EncodeError::new(EncodeReason::TagOrder(tag)));
        }
        self.last = Some(tag);
        self.count += 1;
        out.put_uvarint(tag);
        Ok(())
    }
}

fn size(length: usize) -> Result<u32, EncodeError> {
    u32::try_from(length).map_err(|_| {
        let max = crate::limits::BYTES_MAX;
        EncodeError::new(EncodeReason::TooLong { length, max })
    })
}
