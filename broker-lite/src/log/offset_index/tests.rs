use proptest::prelude::*;

use super::super::disk::MemoryDisk;
use super::*;

/// Entries that ascend, from the steps between them.
fn ascending(steps: &[(u32, u32)]) -> Vec<Entry> {
    let mut at = Entry { last_delta: 0, position: 0 };
    let next = |(delta, position): &(u32, u32)| {
        at = Entry { last_delta: at.last_delta + delta, position: at.position + position };
        at
    };
    steps.iter().map(next).collect()
}

proptest! {
    #[test]
    fn a_lookup_finds_what_a_linear_scan_finds(
        steps in prop::collection::vec((1..50_u32, 1..5_000_u32), 0..400),
        asked in 0..30_000_u32,
        reopened in any::<bool>(),
    ) {
        let entries = ascending(&steps);
        let disk = MemoryDisk::new();
        let mut index = OffsetIndex::create(&disk, "i".to_owned()).unwrap();
        for entry in &entries {
            index.append(&disk, entry.last_delta, entry.position).unwrap();
        }
        if reopened {
            index.flush(&disk).unwrap();
            index = OffsetIndex::open(&disk, "i".to_owned(), u32::MAX).unwrap();
        }
        prop_assert_eq!(index.len(), entries.len());
        let scanned = entries.iter().rev().find(|entry| entry.last_delta <= asked);
        prop_assert_eq!(index.floor(&disk, asked).unwrap().0.map_or(0, |e| e.position), scanned.map_or(0, |e| e.position));
        for back in 0..3 {
            let scanned = entries.iter().rev().nth(back).map(|entry| entry.position);
            prop_assert_eq!(index.nth_last(&disk, back).unwrap(), scanned);
        }
    }
}

#[test]
fn what_does_not_ascend_is_left_out() {
    let disk = MemoryDisk::new();
    let mut index = OffsetIndex::create(&disk, "i".to_owned()).unwrap();
    for (last_delta, position) in [(5, 100), (5, 200), (6, 100), (7, 300)] {
        index.append(&disk, last_delta, position).unwrap();
    }
    index.flush(&disk).unwrap();
    let expected = [[0, 0, 0, 5, 0, 0, 0, 100], [0, 0, 0, 7, 0, 0, 1, 44]].concat();
    assert_eq!(disk::read_all(&disk, "i").unwrap(), expected);
}
