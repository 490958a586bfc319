use super::super::disk::MemoryDisk;
use super::super::testing::offset;
use super::*;

const PATH: &str = "00000000000000000000.txnindex";

fn ended(id: i64, first: i64, last: i64, stable: i64) -> Ended {
    let [first, last, stable] = [first, last, stable].map(offset);
    Ended { id: ProducerId(id), first, last, committed: false, stable }
}

fn filled(disk: &MemoryDisk) -> TxnIndex {
    let mut index = TxnIndex::create(disk, PATH.to_owned()).unwrap();
    for ended in [ended(1, 0, 9, 5), ended(2, 5, 12, 13), ended(1, 20, 30, 31)] {
        index.append(disk, &ended).unwrap();
    }
    index
}

fn firsts(index: &TxnIndex, from: i64, upper: i64) -> (Vec<i64>, bool) {
    let mut found = Vec::new();
    let done = index.collect(offset(from), offset(upper), &mut found);
    (found.iter().map(|entry| entry.first.get()).collect(), done)
}

#[test]
fn it_is_in_kafkas_format_and_reads_back() {
    let disk = MemoryDisk::new();
    assert!(TxnIndex::open(&disk, PATH.to_owned()).unwrap().entries.is_empty());
    let mut index = filled(&disk);
    let bytes = disk::read_all(&disk, PATH).unwrap();
    assert_eq!(bytes.len(), 3 * ENTRY_BYTES);
    let mut expected = vec![0, 0];
    for number in [2_i64, 5, 12, 13] {
        expected.extend(number.to_be_bytes());
    }
    assert_eq!(bytes[ENTRY_BYTES..2 * ENTRY_BYTES], expected);
    let read = TxnIndex::open(&disk, PATH.to_owned()).unwrap();
    assert_eq!(read.entries, index.entries);
    index.append(&disk, &ended(2, 5, 12, 13)).unwrap();
    assert_eq!(index.entries.len(), 3, "of each once");
}

#[test]
fn those_are_found_that_reach_into_what_is_read() {
    let index = filled(&MemoryDisk::new());
    for (from, upper, found, done) in [
        (0, 100, &[0, 5, 20][..], false),
        (0, 5, &[0], true),
        (9, 13, &[0, 5], true),
        (10, 13, &[5], true),
        (13, 20, &[], true),
        (13, 21, &[20], true),
        (31, 100, &[], false),
    ] {
        assert_eq!(firsts(&index, from, upper), (found.to_vec(), done), "{from} to {upper}");
    }
}

#[test]
fn what_it_cannot_be_is_refused() {
    let disk = MemoryDisk::new();
    filled(&disk);
    let good = disk::read_all(&disk, PATH).unwrap();
    let mut newer = good.clone();
    newer[1] = 1;
    let mut negative = good.clone();
    negative[10] = 0x80;
    let descending = [&good[ENTRY_BYTES..2 * ENTRY_BYTES], &good[..ENTRY_BYTES]].concat();
    for (what, bytes) in [
        ("cut short", good[..40].to_vec()),
        ("of another version", newer),
        ("an offset below zero", negative),
        ("markers that descend", descending),
    ] {
        disk::replace(&disk, PATH, &bytes).unwrap();
        assert!(
            matches!(TxnIndex::open(&disk, PATH.to_owned()), Err(IndexError::Insane(_))),
            "{what}"
        );
    }
}
