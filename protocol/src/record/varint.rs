//! Zigzag varints, as records use them: 1 to 5 bytes for 32 bits, 1 to 10 for 64.
//!
//! Writing spreads the number over the bytes of one word, so that a caller packs several fields
//! into a register and stores them at once.

/// Why bytes are not a varint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum VarintError {
    /// The bytes end within it.
    Truncated,
    /// It does not end within the bytes its type allows, or carries bits its type lacks.
    Overlong,
}

#[inline]
pub(super) const fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

#[inline]
pub(super) const fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[inline]
pub(super) const fn unzigzag32(value: u32) -> i32 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[inline]
const fn unzigzag64(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// How many bytes `value` takes: 1 to 5. 9/64 is just above 1/7, and right for up to 64 bits.
#[inline]
pub(super) const fn len32(value: u32) -> usize {
    (((31 - (value | 1).leading_zeros()) * 9 + 73) / 64) as usize // at most 5
}

/// The bytes of `value` as a little-endian word, and how many of them count.
#[inline]
pub(super) fn spread(value: u32) -> (u64, usize) {
    if value < 0x4000 { spread_near(value) } else { spread_wide(value) }
}

/// The same of two bytes at most.
#[inline]
pub(super) fn spread_near(value: u32) -> (u64, usize) {
    debug_assert!(value < 0x4000);
    if value < 0x80 {
        (u64::from(value), 1)
    } else {
        (u64::from(value & 0x7f | 0x80 | (value & 0x3f80) << 1), 2)
    }
}

/// Three bytes and more: out of the way, so that what is common stays small.
#[cold]
fn spread_wide(value: u32) -> (u64, usize) {
    let v = u64::from(value);
    let groups = (v & 0x7f)
        | ((v & 0x3f80) << 1)
        | ((v & 0x001f_c000) << 2)
        | ((v & 0x0fe0_0000) << 3)
        | ((v & 0xf000_0000) << 4);
    let len = len32(value);
    let more = 0x0080_8080_8080 & ((1 << (8 * (len - 1))) - 1); // every byte but the last
    (groups | more, len)
}

/// The same for 64 bits, byte by byte: rare.
#[cold]
pub(super) fn spread_long(value: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut rest = value;
    let mut len = 0;
    for byte in &mut bytes {
        len += 1;
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            *byte = low;
            break;
        }
        *byte = low | 0x80;
    }
    (bytes, len)
}

/// Eight bytes to take short varints from: what is left of them stays in a register.
pub(super) struct Word {
    left: u64,
    taken: usize,
}

impl Word {
    /// The first bytes of `input`; `None` if it has fewer.
    #[inline]
    pub(super) fn new(input: &[u8]) -> Option<Self> {
        let left = u64::from_le_bytes(*input.first_chunk()?);
        Some(Self { left, taken: 0 })
    }

    /// How many bytes were taken; `None` if more than there were: then what was taken is wrong.
    #[inline]
    pub(super) fn taken(&self) -> Option<usize> {
        (self.taken <= size_of_val(&self.left)).then_some(self.taken)
    }

    /// Takes one byte.
    #[inline]
    pub(super) const fn skip(&mut self) {
        self.left >>= 8;
        self.taken += 1;
    }

    /// Takes a varint, still zigzag; `None` if it is longer than three bytes.
    #[inline]
    pub(super) const fn take(&mut self) -> Option<u32> {
        let bytes = (self.left & 0x00ff_ffff) as u32;
        self.skip();
        if bytes & 0x80 == 0 {
            return Some(bytes & 0x7f);
        }
        self.skip();
        let value = bytes & 0x7f | (bytes & 0x7f00) >> 1;
        if bytes & 0x8000 == 0 {
            return Some(value);
        }
        self.skip();
        if bytes & 0x80_0000 == 0 { Some(value | (bytes & 0x7f_0000) >> 2) } else { None }
    }
}

/// Takes a 32-bit varint off the front of `input`.
#[inline]
pub(super) fn take32(input: &mut &[u8]) -> Result<i32, VarintError> {
    take_raw32(input).map(unzigzag32)
}

/// Takes a 32-bit varint off the front of `input`, still zigzag.
#[inline]
pub(super) fn take_raw32(input: &mut &[u8]) -> Result<u32, VarintError> {
    match *input {
        [low, rest @ ..] if *low < 0x80 => {
            *input = rest;
            Ok(u32::from(*low))
        }
        [low, high, rest @ ..] if *high < 0x80 => {
            *input = rest;
            Ok(u32::from(*low & 0x7f) | u32::from(*high) << 7)
        }
        _ => {
            let long = take_slowly(input, 5)?;
            u32::try_from(long).map_err(|_| VarintError::Overlong)
        }
    }
}

/// Takes a 64-bit varint off the front of `input`.
#[inline]
pub(super) fn take64(input: &mut &[u8]) -> Result<i64, VarintError> {
    match *input {
        [low, rest @ ..] if *low < 0x80 => {
            *input = rest;
            Ok(unzigzag64(u64::from(*low)))
        }
        [low, high, rest @ ..] if *high < 0x80 => {
            *input = rest;
            Ok(unzigzag64(u64::from(*low & 0x7f) | u64::from(*high) << 7))
        }
        _ => take_slowly(input, 10).map(unzigzag64),
    }
}

fn take_slowly(input: &mut &[u8], len_max: u32) -> Result<u64, VarintError> {
    let mut value = 0_u64;
    for at in 0..len_max {
        let Some((byte, rest)) = input.split_first() else { return Err(VarintError::Truncated) };
        *input = rest;
        let group = u64::from(byte & 0x7f);
        if at == 9 && group > 1 {
            return Err(VarintError::Overlong); // 9 * 7 + 1 bits are all there are
        }
        value |= group << (7 * at);
        if *byte < 0x80 {
            return Ok(value);
        }
    }
    Err(VarintError::Overlong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes32(value: i32) -> Vec<u8> {
        let (word, len) = spread(zigzag32(value));
        assert_eq!(len, len32(zigzag32(value)));
        word.to_le_bytes()[..len].to_vec()
    }

    fn bytes64(value: i64) -> Vec<u8> {
        let (bytes, len) = spread_long(zigzag64(value));
        bytes[..len].to_vec()
    }

    #[test]
    fn known_numbers_have_known_bytes() {
        for (value, bytes) in [
            (0, &[0][..]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (8192, &[0x80, 0x80, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            assert_eq!(bytes32(value), bytes, "{value}");
            assert_eq!(bytes64(i64::from(value)), bytes, "{value}");
        }
        let min = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(bytes64(i64::MIN), min);
    }

    #[test]
    fn what_is_cut_or_too_long_is_refused() {
        for (bytes, cause) in [
            (&[][..], VarintError::Truncated),
            (&[0x80], VarintError::Truncated),
            (&[0xff, 0xff, 0xff, 0xff], VarintError::Truncated),
            (&[0xff, 0xff, 0xff, 0xff, 0x1f], VarintError::Overlong), // 33 bits
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00], VarintError::Overlong),
        ] {
            assert_eq!(take32(&mut &*bytes), Err(cause), "{bytes:?}");
        }
        let mut long = vec![0xff; 9];
        assert_eq!(take64(&mut &*long), Err(VarintError::Truncated));
        long.push(2); // 65 bits
        assert_eq!(take64(&mut &*long), Err(VarintError::Overlong));
        assert_eq!(take64(&mut &[0x80; 11][..]), Err(VarintError::Overlong));
    }

    proptest! {
        #[test]
        fn every_number_survives(value: i64, shift in 0_u32..64) {
            let value = value >> shift;
            let bytes = bytes64(value);
            let mut input = &bytes[..];
            prop_assert_eq!(take64(&mut input), Ok(value));
            prop_assert!(input.is_empty());
            if let Ok(value) = i32::try_from(value) {
                let bytes = bytes32(value);
                let mut input = &bytes[..];
                prop_assert_eq!(take32(&mut input), Ok(value));
                prop_assert!(input.is_empty());
            }
        }
    }
}
