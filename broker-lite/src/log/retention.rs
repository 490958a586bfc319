//! Old records leave: by time and by size, whole segments at a time, as the topic says.

use std::io;

use ottla_protocol::ids::Offset;

use super::log::Log;
use super::segment::Segment;

impl Log {
    /// Moves the start behind the segments that the topic's rules do not keep any more; true if it
    /// moved. The files stay until [`Log::start_is_kept`]; who reads one has it open.
    pub(crate) fn retain(&mut self, high_watermark: Offset, now_ms: i64) -> io::Result<bool> {
        let gone = self.past_retention(high_watermark, now_ms);
        if gone == 0 {
            return Ok(false);
        }
        let start = self.segments.get(gone).map_or(self.next, Segment::base);
        if gone == self.segments.len() {
            self.roll(now_ms)?; // the last one is written to: a new one takes its place
        }
        Ok(self.trim(start))
    }

    /// How many of the first segments may go: too many bytes with them, or too old.
    fn past_retention(&self, high_watermark: Offset, now_ms: i64) -> usize {
        if !self.config.cleanup.delete {
            return 0;
        }
        let ends = self.segments.iter().skip(1).map(Segment::base).chain([self.next]);
        let committed = ends.take_while(|end| *end <= high_watermark).count();
        // an empty one is the last: it would be replaced by its like
        let filled = self.segments.iter().take_while(|segment| segment.bytes() > 0).count();
        let may_go = &self.segments[..committed.min(filled)];
        let mut gone = 0;
        if let Some(kept) = self.config.retention_bytes {
            let mut excess = self.size().saturating_sub(kept);
            let too_many = |segment: &&Segment| {
                let rest = excess.checked_sub(u64::from(segment.bytes()));
                excess = rest.unwrap_or(excess);
                rest.is_some()
            };
            gone = may_go.iter().take_while(too_many).count();
        }
        if let Some(kept) = self.config.retention_ms {
            let too_old = |segment: &&Segment| now_ms.saturating_sub(segment.youngest()) > kept;
            gone += may_go[gone..].iter().take_while(too_old).count();
        }
        gone
    }
}

#[cfg(test)]
mod tests;
