//! One codec both ways: bounded whatever comes, and nothing lost.

use bytes::BytesMut;
use ottla_protocol::record::{Compression, CompressionError, Compressor, Decompressor};

use crate::{choice, peak_of};

/// The limits that a reader may have, in bytes.
const LIMITS: [usize; 5] = [0, 1, 1000, 64 << 10, 1 << 20];
/// What contexts take; zstd's is not ours to count.
const CONTEXT_BYTES: usize = 256 << 10;

/// A byte says the limit, and whether what follows is to be decompressed as it is, or compressed,
/// damaged here and there and then decompressed.
pub fn codec(codec: Compression, mut data: &[u8]) {
    let how = choice(&mut data);
    let limit = LIMITS[usize::from(how & 0x7f) % LIMITS.len()];
    if how & 0x80 == 0 {
        unpacks(codec, data, limit);
        comes_back(codec, data);
        return;
    }
    let mut edits = Vec::new();
    for _ in 0..choice(&mut data) % 8 {
        edits.push((
            usize::from(choice(&mut data)) << 8 | usize::from(choice(&mut data)),
            choice(&mut data),
        ));
    }
    let mut packed = BytesMut::new();
    let packs = Compressor::default().compress(codec, data, &mut packed);
    packs.expect("the codec is built in");
    for (at, byte) in edits {
        let length = packed.len();
        if let Some(place) = packed.get_mut(at % length) {
            *place = byte;
        }
    }
    unpacks(codec, &packed, limit);
}

/// Foreign bytes are unpacked within the limit or refused, by a used decompressor as by a new one.
fn unpacks(codec: Compression, data: &[u8], limit: usize) {
    let mut decompressor = Decompressor::default();
    let (unpacked, peak) = peak_of(|| decompressor.decompress(codec, data, limit));
    // a buffer that grows exists twice while it moves
    let most = 3 * limit + data.len() + CONTEXT_BYTES;
    assert!(peak <= most, "{codec} took {peak} bytes for {} with limit {limit}", data.len());
    assert_eq!(decompressor.decompress(codec, data, limit), unpacked, "used again");
    match unpacked {
        Ok(plain) => {
            assert!(plain.len() <= limit);
            let just = decompressor.decompress(codec, data, plain.len());
            assert_eq!(just.as_ref(), Ok(&plain), "it is as large as it is");
            if let Some(bytes_max) = plain.len().checked_sub(1) {
                let refused = decompressor.decompress(codec, data, bytes_max);
                assert_eq!(refused, Err(CompressionError::Oversized { codec, bytes_max }));
            }
            comes_back(codec, &plain);
        }
        Err(CompressionError::Oversized { codec: named, bytes_max }) => {
            assert_eq!((named, bytes_max), (codec, limit));
        }
        Err(CompressionError::Damaged { codec: named, reason }) => {
            assert!(named == codec && !reason.is_empty());
        }
        Err(other) => panic!("{other}"),
    }
}

/// What is packed is unpacked again, twice with the same contexts.
fn comes_back(codec: Compression, plain: &[u8]) {
    let mut compressor = Compressor::default();
    let mut decompressor = Decompressor::default();
    let mut first = None;
    for _ in 0..2 {
        let mut packed = BytesMut::from(&b"front"[..]);
        compressor.compress(codec, plain, &mut packed).expect("the codec is built in");
        let behind = packed.strip_prefix(b"front").expect("nothing in front is touched");
        assert!(behind.len() <= plain.len() + plain.len() / 8 + 64, "{codec} inflates");
        let back = decompressor.decompress(codec, behind, plain.len());
        assert_eq!(back.as_deref(), Ok(plain));
        assert_eq!(*first.get_or_insert(packed.clone()), packed, "the same with a used context");
    }
}
