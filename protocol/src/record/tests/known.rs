//! Bytes that were not made here: by hand from the format's description, and by kafka-python.

use super::*;
use crate::ids::{CoordinatorEpoch, LeaderEpoch, Offset};

/// CRC-32C bit by bit, as its definition says: polynomial 0x1edc6f41, reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), step);
    !bytes.iter().fold(u32::MAX, byte)
}

pub(in crate::record) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<_> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// A field's name and its bytes.
const COVERED: [(&str, &str); 24] = [
    ("attributes: no codec, time of creation", "0000"),
    ("last offset delta", "00000001"),
    ("base timestamp", "0000018bcfe56800"),
    ("max timestamp", "0000018bcfe56805"),
    ("producer id", "0000000000000007"),
    ("producer epoch", "0003"),
    ("base sequence", "7fffffff"),
    ("records", "00000002"),
    ("length: 17", "22"),
    ("attributes, timestamp delta 0, offset delta 0", "000000"),
    ("key of 1", "02 6b"),
    ("value of 3", "06 76616c"),
    ("headers: 2", "04"),
    ("key of 1", "02 68"),
    ("value of 1", "02 31"),
    ("key of 1", "02 68"),
    ("value: null", "01"),
    ("length: 8", "10"),
    ("attributes", "00"),
    ("timestamp delta 5", "0a"),
    ("offset delta 1", "02"),
    ("key: null", "01"),
    ("value of 2", "04 6f6b"),
    ("headers: 0", "00"),
];

#[test]
fn a_batch_written_by_hand_is_what_the_builder_writes() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283); // the check value of CRC-32C
    let covered = hex(&COVERED.map(|(_, bytes)| bytes).concat());
    let mut by_hand = hex("0000000000000000 0000004c ffffffff 02");
    by_hand.extend_from_slice(&crc32c(&covered).to_be_bytes());
    by_hand.extend_from_slice(&covered);
    assert_eq!(by_hand.len(), 12 + 0x4c);

    let headers = vec![("h".to_owned(), Some(b"1".to_vec())), ("h".to_owned(), None)];
    let records = [
        (1_700_000_000_000, Some(b"k".to_vec()), Some(b"val".to_vec()), headers),
        (1_700_000_000_005, None, Some(b"ok".to_vec()), vec![]),
    ];
    assert_eq!(build(&records, Compression::None, Some(STAMP)), by_hand);
    assert_eq!(read(by_hand), records);
}

#[test]
fn batches_of_kafka_python_are_read_whatever_their_codec() {
    let text = "to be, or not to be, ".repeat(12);
    let headers = vec![("h".to_owned(), Some(b"1".to_vec())), ("h".to_owned(), None)];
    let records = [
        (1_700_000_000_000, Some(b"key".to_vec()), Some(text.into_bytes()), headers.clone()),
        (1_699_999_999_990, None, Some(vec![]), vec![]),
        (1_700_000_000_500, Some(vec![]), None, vec![]),
    ];
    for (codec, batch) in [
        (Compression::Gzip, GZIP),
        (Compression::Snappy, SNAPPY),
        (Compression::Lz4, LZ4),
        (Compression::Zstd, ZSTD),
    ] {
        let batch = hex(batch);
        assert_eq!(BatchHeader::parse(&batch).unwrap().compression(), Some(codec));
        if codec.is_built_in() {
            assert_eq!(read(batch), records, "{codec}");
        } else {
            let why = format!("{codec} is not built in: turn on the feature `{codec}`");
            assert_eq!(try_read(batch), Err(why));
        }
    }
    let mut plain = records;
    plain[0].2 = Some(b"value".to_vec());
    assert_eq!(read(hex(PLAIN)), plain);
    let mut ours = build(&plain, Compression::None, None);
    assign_offsets(&mut ours, Offset::ZERO, Some(LeaderEpoch(0))); // kafka-python leaves the epoch 0
    assert_eq!(ours, hex(PLAIN));
}

const PLAIN: &str = "00000000000000000000005600000000026a928add0000000000020000018bcfe568000000018b
    cfe569f4ffffffffffffffffffffffffffff000000032a000000066b65790a76616c756504026802310268010c001302
    0100000e00e80704000100";
const GZIP: &str = "00000000000000000000007900000000024714640f0001000000020000018bcfe568000000018b
    cfe569f4ffffffffffffffffffffffffffff000000031f8b08003b71016b02ff9bc5c2c0c0c0969d5af983b9245f2129
    554721bf48212fbf4401ca1b21822c4c194c864c198c3c0cc24c8c0c0c7c0c2fd8591818190094ecf3f51e010000";
const SNAPPY: &str =
    "00000000000000000000008900000000021b9f8d3f0002000000020000018bcfe568000000018b
    cfe569f4ffffffffffffffffffffffffffff0000000382534e41505059000000000100000001000000449e02609a0400
    0000066b6579f803746f2062652c206f72206e6f74200d0e0d07fe1500fe1500fe15007e150058040268023102680
    10c0013020100000e00e80704000100";
const LZ4: &str = "000000000000000000000085000000000241655a070003000000020000018bcfe568000000018b
    cfe569f4ffffffffffffffffffffffffffff0000000304224d1868401e01000000000000ee3d000000f30a9a04000000
    066b6579f803746f2062652c206f72206e6f74200e000307000f1500cdf00804026802310268010c0013020100000e00
    e8070400010000000000";
const ZSTD: &str = "0000000000000000000000760000000002645242d90004000000020000018bcfe568000000018b
    cfe569f4ffffffffffffffffffffffffffff0000000328b52ffd601e00dd010004039a04000000066b6579f803746f20
    62652c206f72206e6f742004026802310268010c0013020100000e00e807040001000200649c1414d91c03";

#[test]
fn control_batches_say_what_they_are_about() {
    let kinds = [
        ControlType::LeaderChange,
        ControlType::SnapshotHeader,
        ControlType::SnapshotFooter,
        ControlType::KRaftVersion,
        ControlType::KRaftVoters,
        ControlType::Unknown(77),
    ];
    let records = kinds.map(|kind| (kind, &b"message"[..]));
    let bytes = control_batch(Timestamp(3), &records).unwrap();
    let batch = CheckedBatch::check(bytes.freeze()).unwrap();
    assert!(batch.header().is_control());
    assert_eq!(batch.header().producer_id, None);
    let block = RecordBlock::open(&batch, &mut Decompressor::default(), LIMIT).unwrap();
    let read = block.records().map(|r| ControlRecord::parse(&r.unwrap()).unwrap());
    let read: Vec<_> = read.map(|control| (control.kind, control.value)).collect();
    assert_eq!(read, records);
}

#[test]
fn the_end_of_a_transaction_is_a_batch_of_its_producer_without_a_number() {
    for committed in [true, false] {
        let marker = EndTxnMarker { committed, coordinator_epoch: CoordinatorEpoch(9) };
        let mut bytes = marker.batch(ProducerId(7), ProducerEpoch(3), Timestamp(1)).unwrap();
        assign_offsets(&mut bytes, Offset::ZERO, Some(LeaderEpoch(0)));
        let batch = CheckedBatch::check(bytes.freeze()).unwrap();
        let header = batch.header();
        assert!(header.is_control() && header.is_transactional());
        let writer = (header.producer_id, header.producer_epoch, header.base_sequence);
        assert_eq!(writer, (Some(ProducerId(7)), Some(ProducerEpoch(3)), None));
        let block = RecordBlock::open(&batch, &mut Decompressor::default(), LIMIT).unwrap();
        let record = block.records().next().unwrap().unwrap();
        assert_eq!(record.key, Some(&[0, 0, 0, u8::from(committed)][..]));
        assert_eq!(record.value, Some(&[0, 0, 0, 0, 0, 9][..]));
        let control = ControlRecord::parse(&record).unwrap();
        assert_eq!(EndTxnMarker::parse(&control), Some(marker));
    }
}

#[test]
fn what_is_no_control_record_is_told_apart() {
    let mut batch = BatchBuilder::control(BytesMut::new());
    for key in [None, Some(&b""[..]), Some(b"\0\0\0"), Some(b"\xff\xff\0\0")] {
        batch.append(Timestamp(1), key, Some(b"\0\0\0\0\0\x09"), &[]).unwrap();
    }
    let commit = [0, 0, 0, 1, 0xee]; // a later version of the key may be longer
    for value in [&b""[..], b"\0\0\0\0\0"] {
        batch.append(Timestamp(1), Some(&commit), Some(value), &[]).unwrap();
    }
    let sealed = batch.seal(Compression::None, &mut Compressor::default(), None).unwrap();
    let batch = CheckedBatch::check(sealed.bytes.freeze()).unwrap();
    let block = RecordBlock::open(&batch, &mut Decompressor::default(), LIMIT).unwrap();
    let read: Vec<_> = block.records().map(|r| ControlRecord::parse(&r.unwrap())).collect();
    assert_eq!(read[..4], [None; 4]);
    for commit in &read[4..] {
        assert_eq!(EndTxnMarker::parse(&commit.unwrap()), None);
        assert_eq!(commit.unwrap().kind, ControlType::Commit);
    }
}
