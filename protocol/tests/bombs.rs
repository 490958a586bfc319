//! However small a batch is and whatever it claims, reading it takes memory in proportion to what
//! it really holds, and never much more than the reader allows.
//!
//! One test function: the counters are the whole process's.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::alloc::System;

use bytes::{Bytes, BytesMut};
use ottla_protocol::ids::Timestamp;
use ottla_protocol::record::{
    BatchBuilder, CheckedBatch, Compression, CompressionError, Compressor, Decompressor,
    RecordBlock, set_timestamps,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What contexts take.
const SLACK: usize = 128 * 1024;

fn codecs() -> impl Iterator<Item = Compression> {
    Compression::ALL.into_iter().filter(|codec| codec.is_built_in())
}

/// A batch around `records`, whose length and checksum are right.
fn batch(codec: Compression, count: i32, records: &[u8]) -> CheckedBatch {
    let mut builder = BatchBuilder::new(BytesMut::new());
    builder.append(Timestamp(0), None, None, &[]).unwrap();
    let sealed = builder.seal(Compression::None, &mut Compressor::default(), None);
    let mut bytes = sealed.unwrap().bytes;
    bytes.truncate(61);
    bytes.extend_from_slice(records);
    let length = i32::try_from(bytes.len() - 12).unwrap();
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[21..23].copy_from_slice(&codec.attribute().to_be_bytes());
    bytes[57..61].copy_from_slice(&count.to_be_bytes());
    let (header, after) = bytes.split_first_chunk_mut().unwrap();
    set_timestamps(header, after, Timestamp(0), false); // and the checksum
    CheckedBatch::check(bytes.freeze()).unwrap()
}

/// Opens a batch and reads its records. Gives how much was allocated in sum, never less than the
/// peak, and what came of it.
fn measured(batch: &CheckedBatch, limit: usize) -> (usize, Result<usize, CompressionError>) {
    let region = Region::new(ALLOCATOR);
    let opened = RecordBlock::open(batch, &mut Decompressor::default(), limit);
    let read = opened.map(|block| block.records().filter(Result::is_ok).count());
    (region.change().bytes_allocated, read)
}

/// 64 MiB of zeros in as few bytes as the codec can.
fn zeros_do_not_unfold() {
    let zeros = vec![0; 64 << 20];
    let mut compressor = Compressor::default();
    for codec in codecs() {
        let mut packed = BytesMut::new();
        compressor.compress(codec, &zeros, &mut packed).unwrap();
        let batch = batch(codec, 1, &packed);
        for limit in [0, 1, 1000, 1 << 20, 5 << 20] {
            let (allocated, read) = measured(&batch, limit);
            if codec == Compression::None {
                assert!(allocated <= SLACK, "a plain batch is not copied, but {allocated}");
                continue;
            }
            let error = CompressionError::Oversized { codec, bytes_max: limit };
            assert_eq!(read, Err(error));
            // each of the steps in which memory grows counts
            let bound = 3 * limit + SLACK;
            assert!(allocated <= bound, "{codec} within {limit} bytes allocated {allocated}");
        }
    }
}

/// Sizes that are claimed in a few bytes. What zstd itself takes does not count here; a test beside
/// it says how much that is.
fn claims_are_not_believed() {
    let zstd_claims_2_to_60 = b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\x10\x01\0\0";
    let zstd_window_of_2_to_41 = b"\x28\xb5\x2f\xfd\0\xf8\x01\0\0";
    let zstd_window_of_128_mib = b"\x28\xb5\x2f\xfd\0\x88\x01\0\0";
    let lz4_blocks_of_4_mib = b"\x04\x22\x4d\x18\x60\x70\x73\x03\0\0\0\x10a\0\0\0\0\0";
    let lz4_content_of_2_to_60 = b"\x04\x22\x4d\x18\x68\x70\0\0\0\0\0\0\0\x10\0\0\0\0\0";
    let snappy_raw_of_512_mib = b"\xff\xff\xff\xff\x01\0a";
    let snappy_block_of_4_gib = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\xff\xff\xff\xff\x01\0a";
    let snappy_framed_of_512_mib =
        b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x07\xff\xff\xff\xff\x01\0a";
    for (codec, data) in [
        (Compression::Zstd, &zstd_claims_2_to_60[..]),
        (Compression::Zstd, zstd_window_of_2_to_41),
        (Compression::Zstd, zstd_window_of_128_mib),
        (Compression::Lz4, lz4_blocks_of_4_mib),
        (Compression::Lz4, lz4_content_of_2_to_60),
        (Compression::Snappy, snappy_raw_of_512_mib),
        (Compression::Snappy, snappy_block_of_4_gib),
        (Compression::Snappy, snappy_framed_of_512_mib),
        (Compression::Gzip, b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\xff\xff\xff\xff"),
    ] {
        let (allocated, read) = measured(&batch(codec, i32::MAX, data), 1 << 30);
        assert!(!matches!(read, Ok(1..)), "{codec} {data:x?} has no records");
        assert!(allocated <= SLACK, "{codec} {data:x?} allocated {allocated}");
    }
}

/// A megabyte of pieces, each whole and empty, behind one that is not.
fn pieces_of_nothing_are_nothing() {
    let snappy_front = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x03\x01\0a";
    let snappy_empty = b"\0\0\0\x01\0";
    let lz4_front = b"\x04\x22\x4d\x18\x60\x40\x82\x01\0\0\x80a";
    let lz4_empty = b"\0\0\0\x80"; // a block that is stored, and empty
    let gzip_front = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x4b\x04\0\x43\xbe\xb7\xe8\x01\0\0\0";
    let gzip_empty = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0";
    let zstd_front = b"\x28\xb5\x2f\xfd\x20\x01\x09\0\0a";
    let zstd_empty = b"\x28\xb5\x2f\xfd\x20\0\x01\0\0";
    let zstd_skipped = b"\x50\x2a\x4d\x18\0\0\0\0";
    for (codec, front, empty, end) in [
        (Compression::Gzip, &gzip_front[..], &gzip_empty[..], &b""[..]),
        (Compression::Snappy, snappy_front, snappy_empty, b""),
        (Compression::Lz4, lz4_front, lz4_empty, b"\0\0\0\0"),
        (Compression::Zstd, zstd_front, zstd_empty, b""),
        (Compression::Zstd, zstd_front, zstd_skipped, b""),
    ] {
        if !codec.is_built_in() {
            continue;
        }
        let mut data = front.to_vec();
        data.extend_from_slice(&empty.repeat((1 << 20) / empty.len()));
        data.extend_from_slice(end);
        let mut decompressor = Decompressor::default();
        let region = Region::new(ALLOCATOR);
        let unpacked = decompressor.decompress(codec, &data, 1 << 30);
        let allocated = region.change().bytes_allocated;
        assert_eq!(unpacked.as_deref(), Ok(&b"a"[..]), "{codec}");
        // what is taken to be compressed gets room in proportion to it
        let bound = 8 * data.len() + SLACK;
        assert!(allocated <= bound, "{codec} allocated {allocated} for nothing");
    }
}

/// Numbers and lengths of records that are not there.
fn counts_are_not_believed() {
    let record = b"\x0e\0\0\0\x01\x02v\0";
    let lying_value = b"\x16\0\0\0\x01\xfe\xff\xff\xff\x0fv\0";
    let lying_headers = b"\x18\0\0\0\x01\x01\xfe\xff\xff\xff\x0f\0\0";
    for (records, there) in [(&record[..], 1), (lying_value, 0), (lying_headers, 0)] {
        for codec in codecs() {
            let mut packed = BytesMut::new();
            Compressor::default().compress(codec, records, &mut packed).unwrap();
            let batch = batch(codec, i32::MAX, &packed);
            let (allocated, read) = measured(&batch, 1 << 30);
            assert_eq!(read, Ok(there), "{codec}");
            assert!(allocated <= SLACK, "{codec} allocated {allocated}");
        }
        let plain = batch(Compression::None, i32::MAX, records);
        let block = RecordBlock::open(&plain, &mut Decompressor::default(), 0).unwrap();
        let region = Region::new(ALLOCATOR);
        assert_eq!(block.records().filter(Result::is_ok).count(), there);
        assert_eq!(region.change().allocations, 0, "reading allocates nothing");
    }
}

/// The steady state of a producer and of a consumer.
fn nothing_is_allocated_per_record() {
    let mut buffer = BytesMut::with_capacity(256 << 10);
    let mut compressor = Compressor::default();
    let mut decompressor = Decompressor::default();
    let payload = Bytes::from_static(&[b'x'; 100]);
    for codec in codecs() {
        for round in 0..4 {
            let region = Region::new(ALLOCATOR);
            let mut batch = BatchBuilder::new(buffer);
            for at in 0..2000 {
                batch.append(Timestamp(at), Some(b"key"), Some(&payload), &[]).unwrap();
            }
            let sealed = batch.seal(codec, &mut compressor, None).unwrap();
            let sent = region.change().allocations;
            let checked = CheckedBatch::check(sealed.bytes.clone().freeze()).unwrap();
            let region = Region::new(ALLOCATOR);
            let block = RecordBlock::open(&checked, &mut decompressor, 1 << 20).unwrap();
            assert_eq!(block.records().filter(Result::is_ok).count(), 2000);
            let read = region.change().allocations;
            drop(block);
            buffer = match sealed.spare {
                None => sealed.bytes,
                Some(spare) => {
                    compressor.recycle(sealed.bytes);
                    spare
                }
            };
            if round > 1 {
                // nothing but the counters that buffers are shared by, one or two a batch
                assert!(sent + read <= 4, "{codec} allocated {sent} times, then {read} times");
            }
        }
    }
}

#[test]
fn memory_follows_what_is_there() {
    zeros_do_not_unfold();
    claims_are_not_believed();
    pieces_of_nothing_are_nothing();
    counts_are_not_believed();
    nothing_is_allocated_per_record();
}
