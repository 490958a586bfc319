//! Keys and the newest offset of each, in memory that is bounded.
//!
//! Of a key there is a digest of 128 bits, made with secrets drawn for each map: keys that share
//! one, which would cost a record, cannot be found on purpose, and do not happen by accident.

use std::hash::{BuildHasher, Hasher, RandomState};

use ottla_protocol::ids::Offset;

/// Bytes of one entry.
pub(crate) const ENTRY_BYTES: usize = size_of::<Slot>();

/// Of four slots three are used: more make the search long.
const LOAD: (usize, usize) = (3, 4);

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    digest: [u64; 2],
    /// The offset and 1; 0 in a slot that is free.
    after: u64,
}

/// The newest offset of each key.
#[derive(Debug)]
pub(crate) struct KeyMap {
    slots: Vec<Slot>,
    used: usize,
    secrets: [RandomState; 2],
    /// Keys below this offset are in the map, all of them.
    end: Option<Offset>,
}

/// The map has no room for another key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Full;

impl KeyMap {
    /// A map of at most `bytes_max`, with room for `keys` if that is enough, and for one at least.
    pub(crate) fn new(bytes_max: usize, keys: u64) -> Self {
        let wanted = usize::try_from(keys).unwrap_or(usize::MAX).saturating_mul(LOAD.1) / LOAD.0;
        let slots = wanted.saturating_add(1).min(bytes_max / ENTRY_BYTES).max(2);
        let secrets = [RandomState::new(), RandomState::new()];
        Self { slots: vec![Slot::default(); slots], used: 0, secrets, end: None }
    }

    /// Notes that `key` was written at `offset`, behind all that was noted before.
    ///
    /// # Errors
    ///
    /// [`Full`]; what it holds stays.
    pub(crate) fn put(&mut self, key: &[u8], offset: Offset) -> Result<(), Full> {
        let digest = self.digest(key);
        let at = self.find(digest);
        if self.slots[at].after == 0 {
            if self.used >= (self.slots.len() * LOAD.0 / LOAD.1).max(1) {
                return Err(Full);
            }
            self.used += 1;
        }
        self.slots[at] = Slot { digest, after: offset.get().unsigned_abs() + 1 };
        self.reach(offset.next());
        Ok(())
    }

    /// Whether a newer record than the one at `offset` has this key.
    pub(crate) fn has_newer(&self, key: &[u8], offset: Offset) -> bool {
        self.slots[self.find(self.digest(key))].after > offset.get().unsigned_abs() + 1
    }

    /// Notes that every key below `end` is in it.
    pub(crate) fn reach(&mut self, end: Offset) {
        self.end = self.end.max(Some(end));
    }

    /// Every key below this offset, and from where it was begun, is in it; `None` if it was not
    /// begun.
    pub(crate) const fn end(&self) -> Option<Offset> {
        self.end
    }

    /// The slot of `digest`, or the free one where it belongs.
    fn find(&self, digest: [u64; 2]) -> usize {
        let slots = self.slots.len();
        // the remainder is below `slots`
        let mut at = usize::try_from(digest[0] % slots as u64).unwrap_or(0);
        // ends: a quarter of the slots, or one of two, is free
        while self.slots[at].after != 0 && self.slots[at].digest != digest {
            at = if at + 1 == slots { 0 } else { at + 1 };
        }
        at
    }

    fn digest(&self, key: &[u8]) -> [u64; 2] {
        self.secrets.each_ref().map(|secret| {
            let mut hasher = secret.build_hasher();
            hasher.write(key);
            hasher.finish()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::offset;
    use super::*;

    #[test]
    fn the_newest_offset_of_each_key_is_known() {
        let mut map = KeyMap::new(1 << 20, 1_000);
        assert_eq!(map.end(), None);
        for n in 0..3_000_i64 {
            map.put(&(n % 1_000).to_be_bytes(), offset(n)).unwrap();
        }
        for n in 0..3_000_i64 {
            assert_eq!(map.has_newer(&(n % 1_000).to_be_bytes(), offset(n)), n < 2_000, "{n}");
        }
        assert!(!map.has_newer(b"another", offset(0)));
        assert_eq!(map.end(), Some(offset(3_000)));
    }

    #[test]
    fn it_takes_no_more_memory_than_it_may_and_says_when_it_is_full() {
        for (bytes_max, keys) in [(0, 0), (ENTRY_BYTES * 4, 100), (4_096, 1 << 40), (4_096, 3)] {
            let mut map = KeyMap::new(bytes_max, keys);
            assert!(map.slots.len() * ENTRY_BYTES <= bytes_max.max(2 * ENTRY_BYTES));
            let mut n = 0_i64;
            while map.put(&n.to_be_bytes(), offset(n)).is_ok() {
                n += 1;
                assert!(n < 1_000, "{bytes_max}: it never says that it is full");
            }
            assert!(n > 0, "it has room for one");
            assert_eq!(map.end(), Some(offset(n)), "what was refused is not counted");
            assert_eq!(map.put(&0_i64.to_be_bytes(), offset(n)), Ok(()), "a known key has a place");
            assert!(keys > 100 || n >= i64::try_from(keys).unwrap().min(3));
        }
    }
}
