//! What a broker or a producer changes in a batch, and what the checksum notices.

use super::*;
use crate::ids::{LeaderEpoch, Offset};

#[test]
fn a_broker_places_a_batch_without_touching_what_the_checksum_covers() {
    let records = [record(5, "k", "v"), record(4, "l", "w")];
    for codec in codecs() {
        let mut bytes = build(&records, codec, None);
        assign_offsets(&mut bytes, Offset::new(41).unwrap(), Some(LeaderEpoch(5)));
        let header = *CheckedBatch::check(bytes.clone().freeze()).unwrap().header();
        assert_eq!((header.base_offset, header.partition_leader_epoch), (41, Some(LeaderEpoch(5))));
        assert_eq!(header.last_offset(), Offset::new(42));
        assert_eq!(read(bytes), records);
    }
}

#[test]
fn append_time_becomes_the_time_of_every_record() {
    let records = [record(5, "k", "v"), record(4, "l", "w")];
    for codec in codecs() {
        let mut bytes = build(&records, codec, Some(STAMP));
        let (header, records_after) = bytes.split_first_chunk_mut().unwrap();
        set_timestamps(header, records_after, Timestamp(99), true);
        let header = *CheckedBatch::check(bytes.clone().freeze()).unwrap().header();
        assert!(header.is_log_append_time());
        assert_eq!((header.base_timestamp, header.max_timestamp), (Timestamp(5), Timestamp(99)));
        assert_eq!((header.compression(), header.producer_id), (Some(codec), Some(STAMP.id)));
        assert_eq!(read(bytes), [record(99, "k", "v"), record(99, "l", "w")]);
    }
}

#[test]
fn a_corrected_timestamp_keeps_the_records() {
    let mut bytes = build(&[record(5, "k", "v")], Compression::None, None);
    let (header, records) = bytes.split_first_chunk_mut().unwrap();
    set_timestamps(header, records, Timestamp(9), true);
    set_timestamps(header, records, Timestamp(7), false);
    assert_eq!(BatchHeader::parse(&bytes).unwrap().max_timestamp, Timestamp(7));
    assert_eq!(read(bytes), [record(5, "k", "v")]);
}

#[test]
fn a_batch_is_numbered_anew_and_as_if_it_had_been_so_from_the_start() {
    let records = [record(5, "k", "v")];
    for codec in codecs() {
        let fresh = build(&records, codec, Some(STAMP));
        let plain = build(&records, codec, None);
        let mut bytes = plain.clone();
        restamp(&mut bytes, Some(ProducerStamp { transactional: true, ..STAMP }));
        assert!(BatchHeader::parse(&bytes).unwrap().is_transactional());
        restamp(&mut bytes, Some(STAMP));
        assert_eq!(bytes, fresh, "{codec}");
        restamp(&mut bytes, None);
        assert_eq!(bytes, plain, "{codec}");
    }
}

#[test]
fn a_flipped_byte_is_noticed_unless_the_broker_assigns_it() {
    for codec in codecs() {
        let good = build(&[record(5, "key", "value")], codec, Some(STAMP));
        for at in 0..good.len() {
            for bits in [0x01, 0x10, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= bits;
                let assigned = at < 8 || (12..16).contains(&at);
                let found = CheckedBatch::check(bad.freeze());
                assert_eq!(found.is_ok(), assigned, "byte {at} of a {codec} batch");
            }
        }
    }
}

#[test]
fn a_batch_cut_anywhere_is_no_batch() {
    for codec in codecs() {
        let good = build(&[record(5, "key", "value")], codec, None).freeze();
        for cut in 0..good.len() {
            let error = CheckedBatch::check(good.slice(..cut)).unwrap_err();
            assert!(matches!(error, BatchError::Truncated { .. }), "{cut}: {error}");
        }
        let mut long = good.to_vec();
        long.push(0);
        let error = CheckedBatch::check(long.into()).unwrap_err();
        assert_eq!(error, BatchError::TrailingBytes { base_offset: 0, extra: 1 });
    }
}

#[test]
fn batches_back_to_back_are_cut_apart_and_an_incomplete_tail_is_left_out() {
    let one = build(&[record(5, "key", "value")], Compression::None, None).freeze();
    let two = build(&[record(6, "k", "")], Compression::None, None).freeze();
    let both = Bytes::from([&one[..], &two[..]].concat());
    for cut in 0..=both.len() {
        let whole = usize::from(cut >= one.len()) + usize::from(cut >= both.len());
        let batches: Result<Vec<_>, _> = split_batches(both.slice(..cut)).collect();
        assert_eq!(batches.unwrap(), [one.clone(), two.clone()][..whole], "{cut}");
    }
}

#[test]
fn a_length_that_cannot_be_ends_the_splitting() {
    let good = build(&[record(5, "key", "value")], Compression::None, None);
    for length in [i32::MIN, -1, 0, 48] {
        let mut bad = good.clone();
        bad[8..12].copy_from_slice(&length.to_be_bytes());
        let both = Bytes::from([&good[..], &bad[..]].concat());
        let batches: Vec<_> = split_batches(both).collect();
        let error = BatchError::BadLength { base_offset: 0, length };
        assert_eq!(batches, [Ok(good.clone().freeze()), Err(error)]);
    }
    let mut huge = good;
    huge[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    assert_eq!(split_batches(huge.freeze()).count(), 0);
}

#[test]
fn headers_that_make_no_sense_are_read_without_overflow() {
    let mut bytes = build(&[record(5, "key", "value")], Compression::None, None);
    for (base, delta, last) in [
        (0_i64, 0_i32, Offset::new(0)),
        (-1, 0, None),
        (0, -1, None),
        (i64::MAX, 1, None),
        (i64::MAX, 0, Some(Offset::MAX)),
    ] {
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        bytes[23..27].copy_from_slice(&delta.to_be_bytes());
        assert_eq!(BatchHeader::parse(&bytes).unwrap().last_offset(), last, "{base} + {delta}");
    }
    for magic in [0, 1, 3, -1] {
        bytes[16..17].copy_from_slice(&i8::to_be_bytes(magic));
        let error = BatchHeader::parse(&bytes).unwrap_err();
        assert_eq!(error, BatchError::Magic { base_offset: i64::MAX, magic });
    }
}
