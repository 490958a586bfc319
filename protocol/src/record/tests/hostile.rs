//! Batches whose checksum is right and whose content is not.

use super::*;
use crate::record::assign::put_checksum;

/// A batch around `records`, whose length and checksum are right.
fn batch(attributes: u16, count: i32, records: &[u8]) -> Vec<u8> {
    let mut bytes = build(&[record(1000, "k", "v")], Compression::None, None).to_vec();
    bytes.truncate(HEADER_SIZE);
    bytes[21..23].copy_from_slice(&attributes.to_be_bytes());
    bytes[57..61].copy_from_slice(&count.to_be_bytes());
    bytes.extend_from_slice(records);
    let length = i32::try_from(bytes.len() - 12).unwrap();
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    put_checksum(&mut bytes);
    bytes
}

#[test]
fn every_lie_about_a_record_is_named() {
    let good = b"\x10\0\0\0\x02k\x02v\0"; // length 8, key k, value v
    assert_eq!(try_read(batch(0, 1, good)).unwrap(), [record(1000, "k", "v")]);
    let far = b"\x22\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0\x02k\x02v\0";
    for (records, why) in [
        (&b"\x80"[..], "it ends within its length"),
        (b"\x80\x80\x80\x80\x80\0", "the number of its length is too long"),
        (b"\xff\xff\xff\xff\x1f", "the number of its length is too long"),
        (b"\x11\0\0\0\x02k\x02v\0", "its length cannot be -9 with 8 bytes left"),
        (b"\x12\0\0\0\x02k\x02v\0", "its length cannot be 9 with 8 bytes left"),
        (b"\xfe\xff\xff\xff\x0f", "its length cannot be 2147483647 with 0 bytes left"),
        (b"\0", "it ends within its attributes"),
        (b"\x02\0", "it ends within its timestamp"),
        (b"\x04\0\0", "it ends within its offset"),
        (b"\x04\0\x80", "it ends within its timestamp"),
        (b"\x06\0\0\0", "it ends within its key"),
        (b"\x0c\0\0\0\x03\x02v", "its key cannot be -2 with 2 bytes left"),
        (b"\x10\0\0\0\x0ak\x02v\0", "its key cannot be 5 with 4 bytes left"),
        (b"\x0a\0\0\0\x02k", "it ends within its value"),
        (b"\x10\0\0\0\x02k\x03v\0", "its value cannot be -2 with 2 bytes left"),
        (b"\x10\0\0\0\x02k\x06v\0", "its value cannot be 3 with 2 bytes left"),
        (b"\x0e\0\0\0\x02k\x02v", "it ends within its header count"),
        (b"\x12\0\0\0\x02k\x02v\0\0", "1 bytes follow its last field"),
        (b"\x10\0\0\0\x02k\x02v\x01", "its header count cannot be -1 with 0 bytes left"),
        (b"\x12\0\0\0\x02k\x02v\x02\0", "its header count cannot be 1 with 1 bytes left"),
        (b"\x14\0\0\0\x02k\x02v\x02\x01\0", "its header key cannot be -1 with 1 bytes left"),
        (b"\x14\0\0\0\x02k\x02v\x02\x02h", "it ends within its header value"),
        (b"\x14\0\0\0\x02k\x02v\x02\x04h", "its header key cannot be 2 with 1 bytes left"),
        (b"\x14\0\0\0\x02k\x02v\x02\0\x04", "its header value cannot be 2 with 0 bytes left"),
        (b"\x14\0\0\0\x02k\x02v\x02\0\x80", "it ends within its header value"),
        (b"\x16\0\0\0\x02k\x02v\x02\0\0\0", "1 bytes follow its last field"),
        (
            b"\x10\0\0\x01\x02k\x02v\0",
            "its offset is -1 from that of the batch, which no offset is",
        ),
    ] {
        let all = format!("record 0 of the batch at offset 0: {why}");
        assert_eq!(try_read(batch(0, 1, records)), Err(all), "{records:x?}");
    }
    let mut early = batch(0, 1, far);
    early[27..35].copy_from_slice(&(-2_i64).to_be_bytes());
    put_checksum(&mut early);
    let why = "its timestamp is -9223372036854775808 ms from that of the batch, which overflows";
    assert_eq!(try_read(early), Err(format!("record 0 of the batch at offset 0: {why}")));
}

#[test]
fn an_offset_above_63_bits_is_named() {
    let mut bytes = batch(0, 1, b"\x10\0\0\x02\x02k\x02v\0");
    bytes[..8].copy_from_slice(&i64::MAX.to_be_bytes());
    let why = "its offset is 1 from that of the batch, which no offset is";
    let all = format!("record 0 of the batch at offset {}: {why}", i64::MAX);
    assert_eq!(try_read(bytes), Err(all));
}

#[test]
fn a_count_that_lies_is_noticed_behind_the_records_that_are_there() {
    let two = b"\x10\0\0\0\x02k\x02v\0\x10\0\0\x02\x02k\x02v\0";
    for (count, index, left) in [(3, 2, 0), (i32::MAX, 2, 0), (1, 1, 9), (0, 0, 18), (-1, 0, 18)] {
        let checked = CheckedBatch::check(batch(0, count, two).into()).unwrap();
        let block = RecordBlock::open(&checked, &mut Decompressor::default(), LIMIT).unwrap();
        let mut records = block.records();
        let (_, most) = records.size_hint();
        assert!(most.unwrap() <= 3, "{count}: {most:?}");
        let seen = records.by_ref().take_while(Result::is_ok).count();
        assert_eq!(seen, usize::try_from(index).unwrap());
        assert!(records.next().is_none(), "an error is the end");
        let claimed = count;
        let error =
            RecordError { base_offset: 0, index, reason: RecordReason::Count { claimed, left } };
        assert_eq!(block.records().find_map(Result::err), Some(error));
    }
    // a batch that compaction emptied
    assert_eq!(try_read(batch(0, 0, b"")).unwrap(), []);
}

#[test]
fn a_header_key_that_is_not_utf8_does_not_hide_its_record() {
    let read = try_read(batch(0, 1, b"\x18\0\0\0\x02k\x02v\x02\x04h\xff\0")).unwrap();
    assert_eq!(read[0].3, [("h\u{fffd}".to_owned(), Some(vec![]))]);
}

#[test]
fn an_unknown_codec_is_named() {
    for codec in 5..8 {
        let checked = CheckedBatch::check(batch(codec, 1, b"").into()).unwrap();
        assert_eq!(checked.header().compression(), None);
        let opened = RecordBlock::open(&checked, &mut Decompressor::default(), LIMIT);
        let error = CompressionError::UnknownCodec(i16::try_from(codec).unwrap());
        assert_eq!(opened.unwrap_err(), error);
    }
}

/// `good` with a right length and checksum, cut at `at`.
fn cut(good: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = good[..at].to_vec();
    let length = i32::try_from(at - 12).unwrap();
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    put_checksum(&mut bytes);
    bytes
}

fn some_records() -> Vec<Owned> {
    let text = |i: i64| format!("{i} squared is {}, and that is that", i * i);
    let mut records: Vec<_> = (0..50).map(|i| record(i, &i.to_string(), &text(i))).collect();
    records[7].3.push(("name".into(), Some(b"content".to_vec())));
    records
}

#[test]
fn records_cut_anywhere_are_noticed_though_the_checksum_is_right() {
    for codec in codecs() {
        let good = build(&some_records(), codec, None);
        for at in HEADER_SIZE..good.len() {
            assert!(try_read(cut(&good, at)).is_err(), "{codec} cut at {at}");
        }
    }
}

#[test]
fn bytes_behind_compressed_records_are_noticed_though_the_checksum_is_right() {
    for codec in codecs() {
        let mut good = build(&some_records(), codec, None).to_vec();
        good.extend_from_slice(&[0; 20]);
        assert!(try_read(cut(&good, good.len() - 19)).is_err(), "{codec}");
        assert!(try_read(cut(&good, good.len())).is_err(), "{codec}");
    }
}

proptest! {
    #[test]
    fn damage_under_a_right_checksum_is_an_error_or_other_records(
        at: prop::sample::Index, bits in 1..=255_u8, tail in vec(any::<u8>(), 0..8),
    ) {
        for codec in codecs() {
            let mut bytes = build(&some_records(), codec, None).to_vec();
            let at = HEADER_SIZE + at.index(bytes.len() - HEADER_SIZE);
            bytes[at] ^= bits;
            bytes.extend_from_slice(&tail);
            let end = bytes.len();
            let bytes = cut(&bytes, end);
            if let Ok(records) = try_read(bytes) {
                prop_assert_eq!(records.len(), 50);
            }
        }
    }

    #[test]
    fn garbage_is_an_error(garbage in vec(any::<u8>(), 1..300), count in 1..=i32::MAX) {
        for codec in codecs() {
            let attributes = codec.attribute().unsigned_abs();
            let read = try_read(batch(attributes, count, &garbage));
            let few = read.map_or(0, |records| records.len());
            prop_assert!(few <= garbage.len() / 7);
        }
    }
}
