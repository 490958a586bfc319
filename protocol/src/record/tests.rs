use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::*;
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

type Owned = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

fn build(records: &[Owned], codec: Compression, stamp: Option<ProducerStamp>) -> BytesMut {
    let mut batch = BatchBuilder::new(BytesMut::new());
    for (i, (time, key, value, headers)) in records.iter().enumerate() {
        let headers: Vec<_> = headers
            .iter()
            .map(|(key, value)| Header {
                key: key.as_str().into(),
                value: value.clone().map(Bytes::from),
            })
            .collect();
        let before = batch.len();
        let index = batch.append(Timestamp(*time), key.as_deref(), value.as_deref(), &headers);
        assert_eq!(index, Ok(u32::try_from(i).unwrap()));
        let bound = record_size_max(
            key.as_ref().map_or(0, Vec::len),
            value.as_ref().map_or(0, Vec::len),
            &headers,
        );
        assert!(batch.len() - before <= bound);
    }
    batch.seal(codec, &mut Compressor::default(), stamp).unwrap().bytes
}

fn read(batch: &CheckedBatch) -> Vec<Owned> {
    let block = RecordBlock::open(batch, &mut Decompressor::default(), 1 << 24).unwrap();
    let owned = |record: Result<RecordRef<'_>, RecordError>| {
        let record = record.unwrap();
        let headers = record
            .headers()
            .map(|header| (header.key.into_owned(), header.value.map(<[u8]>::to_vec)))
            .collect();
        let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
        (record.timestamp.0, key, value, headers)
    };
    block.records().map(owned).collect()
}

fn records() -> impl Strategy<Value = Vec<Owned>> {
    let bytes = || of(vec(any::<u8>(), 0..200));
    let headers = vec(("[a-z]{0,3}", bytes()), 0..3);
    vec((-1_000_000..1_000_000_000_000i64, bytes(), bytes(), headers), 1..40)
}

proptest! {
    #[test]
    fn records_come_back_as_they_were(records in records(), codec in 0..5usize) {
        let codec = Compression::ALL[codec];
        let stamp = ProducerStamp {
            id: ProducerId(7),
            epoch: ProducerEpoch(3),
            first: Sequence::new(i32::MAX).unwrap(),
            transactional: false,
        };
        let mut bytes = build(&records, codec, None);
        restamp(&mut bytes, Some(stamp));
        assign_offsets(&mut bytes, Offset::new(41).unwrap(), LeaderEpoch(5));
        let batch = CheckedBatch::check(bytes.freeze()).unwrap();
        let header = *batch.header();
        prop_assert_eq!(read(&batch), records.clone());
        prop_assert_eq!(header.compression(), Some(codec));
        prop_assert_eq!(header.base_offset, 41);
        prop_assert_eq!(header.partition_leader_epoch, Some(LeaderEpoch(5)));
        prop_assert_eq!(header.producer_id, Some(ProducerId(7)));
        prop_assert_eq!(header.base_sequence, Some(stamp.first));
        prop_assert_eq!(header.max_timestamp.0, records.iter().map(|r| r.0).max().unwrap());
        let last = header.last_offset().unwrap().get();
        prop_assert_eq!(usize::try_from(last).unwrap(), 41 + records.len() - 1);
    }
}

#[test]
fn a_flipped_byte_is_noticed_unless_the_broker_assigns_it() {
    let records = [(5, Some(b"k".to_vec()), Some(b"v".to_vec()), vec![])];
    let good = build(&records, Compression::None, None);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        let assigned = at < 8 || (12..16).contains(&at);
        assert_eq!(CheckedBatch::check(bad.freeze()).is_ok(), assigned, "byte {at}");
    }
    for cut in 0..good.len() {
        CheckedBatch::check(Bytes::copy_from_slice(&good[..cut])).unwrap_err();
    }
}
