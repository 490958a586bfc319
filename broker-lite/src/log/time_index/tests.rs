use proptest::prelude::*;

use super::super::disk::MemoryDisk;
use super::*;

proptest! {
    #[test]
    fn a_lookup_finds_what_a_linear_scan_finds(
        times in prop::collection::vec(-1..2_000_i64, 0..400),
        asked in 0..2_100_i64,
        reopened in any::<bool>(),
    ) {
        let disk = MemoryDisk::new();
        let mut index = TimeIndex::create(&disk, "t".to_owned()).unwrap();
        let mut expected: Vec<TimeEntry> = Vec::new();
        for (last_delta, timestamp) in (1..).zip(&times) {
            let entry = TimeEntry { timestamp: *timestamp, last_delta };
            index.append(&disk, entry).unwrap();
            if *timestamp > expected.last().map_or(-1, |last| last.timestamp) {
                expected.push(entry);
            }
        }
        if reopened {
            index.flush(&disk).unwrap();
            index = TimeIndex::open(&disk, "t".to_owned()).unwrap();
        }
        prop_assert_eq!(index.len(), expected.len());
        prop_assert_eq!(index.last(), expected.last().copied());
        let scanned = expected.iter().rev().find(|entry| entry.timestamp < asked);
        prop_assert_eq!(index.before(&disk, asked).unwrap(), scanned.copied());
    }
}
