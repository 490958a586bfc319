//! Zigzag varints, as in records (not the unsigned ones of flexible messages).

/// The most bytes one of 64 bits takes.
pub(super) const VARLONG_BYTES_MAX: usize = 10;

const fn zigzag(value: i64) -> u64 {
    (value << 1).cast_unsigned() ^ (value >> 63).cast_unsigned()
}

/// How many bytes `value` takes.
#[inline]
pub(super) const fn size(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros();
    bits.div_ceil(7) as usize // at most 10
}

/// A few bytes on the stack, written front to back.
#[derive(Debug)]
pub(super) struct Scratch<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Scratch<N> {
    #[inline]
    pub(super) const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    #[inline]
    pub(super) fn byte(&mut self, byte: u8) {
        debug_assert!(self.len < N, "a caller sized its scratch too small");
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    #[inline]
    pub(super) fn varint(&mut self, value: i64) {
        let mut rest = zigzag(value);
        while rest >= 0x80 {
            self.byte((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.byte((rest & 0x7f) as u8);
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Takes a varint of at most 64 bits from `input`; `None` if it is cut off or longer.
#[inline]
pub(super) fn take(input: &mut &[u8]) -> Option<i64> {
    let (&first, rest) = input.split_first()?;
    if first < 0x80 {
        *input = rest;
        return Some(unzigzag(u64::from(first)));
    }
    take_long(input)
}

fn take_long(input: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for (i, &byte) in input.iter().enumerate().take(VARLONG_BYTES_MAX) {
        if i + 1 == VARLONG_BYTES_MAX && byte > 1 {
            return None; // above 64 bits
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            *input = input.get(i + 1..)?;
            return Some(unzigzag(value));
        }
    }
    None
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// Takes a varint that must fit 32 bits.
#[inline]
pub(super) fn take_i32(input: &mut &[u8]) -> Option<i32> {
    i32::try_from(take(input)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_have_the_size_that_was_computed_and_read_back() {
        let edges = (0..63).flat_map(|bit| {
            let power = 1i64 << bit;
            [power - 1, power, -power, -power - 1]
        });
        for value in edges.chain([0, -1, i64::MAX, i64::MIN]) {
            let mut scratch = Scratch::<VARLONG_BYTES_MAX>::new();
            scratch.varint(value);
            assert_eq!(scratch.bytes().len(), size(value), "{value}");
            let mut input = scratch.bytes();
            assert_eq!(take(&mut input), Some(value));
            assert!(input.is_empty());
            for cut in 0..scratch.bytes().len() {
                assert_eq!(take(&mut &scratch.bytes()[..cut]), None, "{value} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_varint_above_64_bits_is_refused() {
        assert_eq!(take(&mut &[0xff; 11][..]), None);
        assert_eq!(take(&mut &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2][..]), None);
    }
}
