use std::fs;

use bytes::{BufMut as _, BytesMut};
use ottla_protocol::ids::{
    CoordinatorEpoch, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp,
};
use ottla_protocol::record::{
    BatchBuilder, Compression, Compressor, EndTxnMarker, ProducerStamp, assign_offsets,
};
use tempfile::TempDir;

use super::*;

const TOPIC_ID: &str = "AAAAAAAAAAAAAAAAAAAAKg";
/// The producer whose transaction is aborted.
const PRODUCER: i64 = 9;

fn placed(mut bytes: BytesMut, base: i64, epoch: i32) -> Vec<u8> {
    assign_offsets(&mut bytes, Offset::new(base).unwrap(), Some(LeaderEpoch(epoch)));
    bytes.to_vec()
}

fn batch(
    base: i64,
    records: i64,
    codec: Compression,
    epoch: i32,
    sequence: Option<i32>,
) -> Vec<u8> {
    let mut builder = BatchBuilder::new(BytesMut::new());
    for offset in base..base + records {
        let (key, value) = (format!("k{offset}"), "v".repeat(20));
        let time = Timestamp(1000 + offset);
        builder.append(time, Some(key.as_bytes()), Some(value.as_bytes()), &[]).unwrap();
    }
    let stamp = sequence.map(|first| ProducerStamp {
        id: ProducerId(PRODUCER),
        epoch: ProducerEpoch(0),
        first: Sequence::new(first).unwrap(),
        transactional: true,
    });
    let sealed = builder.seal(codec, &mut Compressor::default(), stamp).unwrap();
    placed(sealed.bytes, base, epoch)
}

fn abort_marker(base: i64, epoch: i32) -> Vec<u8> {
    let marker = EndTxnMarker { committed: false, coordinator_epoch: CoordinatorEpoch(0) };
    let time = Timestamp(1000 + base);
    let bytes = marker.batch(ProducerId(PRODUCER), ProducerEpoch(0), time).unwrap();
    placed(bytes, base, epoch)
}

/// Writes a segment whose batches are all indexed but the first. Batch `i` has offsets up to that
/// of batch `i + 1`, and each record is a millisecond younger than the one before.
fn write_segment(dir: &Path, base: i64, batches: &[(i64, Vec<u8>)]) {
    let (mut log, mut index, mut times) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (last, bytes)) in batches.iter().enumerate() {
        let delta = i32::try_from(last - base).unwrap();
        if at > 0 {
            index.put_i32(delta);
            index.put_i32(i32::try_from(log.len()).unwrap());
        }
        times.put_i64(1000 + last);
        times.put_i32(delta);
        log.extend_from_slice(bytes);
    }
    for (suffix, bytes) in [("log", log), ("index", index), ("timeindex", times)] {
        fs::write(dir.join(format!("{base:020}.{suffix}")), bytes).unwrap();
    }
}

fn snapshot(end: i64) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_i32(1);
    body.put_i64(PRODUCER);
    body.put_i16(0);
    body.put_i32(1);
    body.put_i64(end - 1);
    body.put_i32(1);
    body.put_i64(1000);
    body.put_i32(-1);
    body.put_i64(-1);
    let mut bytes = Vec::new();
    bytes.put_i16(1);
    bytes.put_u32(crc32c::crc32c(&body));
    bytes.extend_from_slice(&body);
    bytes
}

/// A data directory with a topic of two partitions; `t-0` has three segments and ends at 12.
fn data() -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let dir = data.path().join("t-0");
    fs::create_dir(&dir).unwrap();
    let first = [
        (2, batch(0, 3, Compression::None, 0, None)),
        (3, batch(3, 1, Compression::Gzip, 0, None)),
        (5, batch(4, 2, Compression::Zstd, 0, None)),
    ];
    write_segment(&dir, 0, &first);
    let second = [
        (7, batch(6, 2, Compression::Lz4, 2, Some(0))),
        (8, abort_marker(8, 2)),
        (9, batch(9, 1, Compression::Snappy, 2, None)),
    ];
    write_segment(&dir, 6, &second);
    write_segment(&dir, 10, &[(11, batch(10, 2, Compression::None, 2, None))]);
    let mut aborted = Vec::new();
    aborted.put_i16(0);
    [PRODUCER, 6, 8, 9].iter().for_each(|number| aborted.put_i64(*number));
    for (name, bytes) in [
        ("00000000000000000006.txnindex", &*aborted),
        ("00000000000000000010.snapshot", &snapshot(10)),
        ("leader-epoch-checkpoint", b"0\n2\n0 0\n2 6\n"),
        ("partition.metadata", format!("version: 0\ntopic_id: {TOPIC_ID}").as_bytes()),
    ] {
        fs::write(dir.join(name), bytes).unwrap();
    }
    let dir = data.path().join("t-1");
    fs::create_dir(&dir).unwrap();
    write_segment(&dir, 0, &[]);
    fs::write(dir.join("partition.metadata"), format!("version: 0\ntopic_id: {TOPIC_ID}")).unwrap();
    let meta = "version=1\ncluster.id=c\nnode.id=1\ndirectory.id=AAAAAAAAAAAAAAAAAAAAKw\n";
    for (name, text) in [
        ("meta.properties", meta),
        ("recovery-point-offset-checkpoint", "0\n2\nt 0 12\nt 1 0\n"),
        ("replication-offset-checkpoint", "0\n2\nt 0 12\nt 1 0\n"),
        ("log-start-offset-checkpoint", "0\n1\nt 0 2\n"),
        ("cleaner-offset-checkpoint", "0\n0\n"),
    ] {
        fs::write(data.path().join(name), text).unwrap();
    }
    data
}

fn check(path: &Path, compacted: bool) -> Findings {
    let output = Output { format: Format::Text };
    let verify = Verify { path: vec![path.to_owned()], output, compacted, all: false };
    let mut findings = Findings::default();
    verify.check(path, &mut findings);
    findings
}

fn problem(path: &Path) -> Option<Problem> {
    check(path, false).problems.pop()
}

fn offset_name(base: i64, suffix: &str) -> String {
    format!("{base:020}.{suffix}")
}

#[test]
fn what_is_in_order_is_counted() {
    let data = data();
    let findings = check(data.path(), false);
    assert_eq!(findings.problems, []);
    let [first, second] = &*findings.verified else { panic!("{findings:?}") };
    assert_eq!((&*first.topic, first.index, first.start, first.end), ("t", 0, 2, 12));
    let counts = first.counts;
    assert_eq!((counts.segments, counts.batches, counts.records), (3, 7, 12));
    assert_eq!((counts.entries, counts.unopened), (4 + 7 + 1, 0));
    assert_eq!((second.index, second.start, second.end), (1, 0, 0));
    assert_eq!(problem(&data.path().join("t-0")), None);
    for entry in place::list(&data.path().join("t-0")).unwrap() {
        assert_eq!(problem(&data.path().join("t-0").join(&entry.name)), None, "{}", entry.name);
    }
}

#[test]
fn a_bit_that_flips_anywhere_in_the_batches_is_named() {
    let data = data();
    let dir = data.path().join("t-0");
    for base in [0, 6, 10] {
        let path = dir.join(offset_name(base, "log"));
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &damaged).unwrap();
            let problem = problem(&dir).unwrap_or_else(|| panic!("{base}: bit {bit} passed"));
            assert_eq!(problem.path, path, "{base}: bit {bit}: {problem}");
            let Place::Byte(at) = problem.place else { panic!("{base}: bit {bit}: {problem}") };
            assert!(at <= (bit / 8) as u64, "{base}: bit {bit}: {problem}");
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(problem(&dir), None);
}

#[test]
fn a_log_that_is_cut_anywhere_is_named() {
    let data = data();
    let dir = data.path().join("t-0");
    for base in [0, 6, 10] {
        let path = dir.join(offset_name(base, "log"));
        let whole = fs::read(&path).unwrap();
        for len in 0..whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            // looking whether the last segment grows takes a while: only some lengths of it
            if base < 10 || [0, 1, 60, 61, whole.len() - 1].contains(&len) {
                assert!(problem(&dir).is_some(), "{base}: cut to {len}");
            }
        }
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn a_bit_that_flips_in_an_index_is_named_if_it_leads_astray() {
    let data = data();
    let dir = data.path().join("t-0");
    // the last offsets of batches in front of which a search may begin where it should not
    let ends = [2, 3, 5, 7, 8, 9];
    for (base, suffix) in [(0, "index"), (6, "index"), (0, "timeindex"), (6, "timeindex")] {
        let path = dir.join(offset_name(base, suffix));
        let whole = fs::read(&path).unwrap();
        let mut harmless = 0;
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &damaged).unwrap();
            match problem(&dir) {
                Some(problem) => assert_eq!(problem.path, path, "bit {bit}: {problem}"),
                None => {
                    // another offset of the same batch, or the end of a later one
                    let width = if suffix == "index" { 8 } else { 12 };
                    let delta = bit / 8 / width * width + width - if width == 8 { 8 } else { 4 };
                    let delta = damaged[delta..delta + 4].try_into().unwrap();
                    let offset = base + i64::from(i32::from_be_bytes(delta));
                    let same_batch = suffix == "timeindex" && (base..12).contains(&offset);
                    let later = suffix == "index" && ends.contains(&offset);
                    assert!(same_batch || later, "{path:?}: bit {bit} passed: {offset}");
                    harmless += 1;
                }
            }
        }
        assert!(harmless < 8, "{path:?}: {harmless} flips passed");
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn a_bit_that_flips_in_a_snapshot_is_named() {
    let data = data();
    let dir = data.path().join("t-0");
    let path = dir.join(offset_name(10, "snapshot"));
    let whole = fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &damaged).unwrap();
        assert_eq!(problem(&dir).map(|problem| problem.path), Some(path.clone()), "bit {bit}");
    }
}

/// Replaces `from` by `to` in a text.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// What a test does to a data directory.
type Damage = fn(&Path);

fn cut_entry(path: &Path, bytes: usize) {
    let whole = fs::read(path).unwrap();
    fs::write(path, &whole[..whole.len() - bytes]).unwrap();
}

const DAMAGES: [(&str, &str, Damage); 25] = [
    ("meta.properties", "node.id is missing", |d| {
        edit(&d.join("meta.properties"), "node.id", "id")
    }),
    ("meta.properties", "version", |d| edit(&d.join("meta.properties"), "version=1", "version=2")),
    ("meta.properties", "directory.id", |d| edit(&d.join("meta.properties"), "AAAAKw", "AAAA")),
    ("recovery-point-offset-checkpoint", "line 2: it says 2 entries, but has 1", |d| {
        edit(&d.join("recovery-point-offset-checkpoint"), "t 1 0\n", "");
    }),
    ("recovery-point-offset-checkpoint", "line 3: t-0 is at 13, but its log ends at 12", |d| {
        edit(&d.join("recovery-point-offset-checkpoint"), "t 0 12", "t 0 13");
    }),
    ("replication-offset-checkpoint", "line 4: t-1 is at 1, but its log ends at 0", |d| {
        edit(&d.join("replication-offset-checkpoint"), "t 1 0", "t 1 1");
    }),
    ("log-start-offset-checkpoint", "line 3: \"t 0 -2\" is no topic", |d| {
        edit(&d.join("log-start-offset-checkpoint"), "t 0 2", "t 0 -2");
    }),
    ("cleaner-offset-checkpoint", "line 2: \"\" is no number of entries", |d| {
        fs::write(d.join("cleaner-offset-checkpoint"), "0\n").unwrap();
    }),
    ("t-0/quorum-state", "line 1: it is no JSON", |d| {
        fs::write(d.join("t-0/quorum-state"), "{\"leaderEpoch\":").unwrap();
    }),
    ("orders", "its name is no topic", |d| fs::create_dir(d.join("orders")).unwrap()),
    ("t-1/partition.metadata", "but another partition of t has", |d| {
        edit(&d.join("t-1/partition.metadata"), "AKg", "ALg");
    }),
    ("t-0/partition.metadata", "no topic id", |d| {
        edit(&d.join("t-0/partition.metadata"), "topic_id", "id");
    }),
    ("t-0/leader-epoch-checkpoint", "line 4: epoch 2 from 6 on behind epoch 3", |d| {
        edit(&d.join("t-0/leader-epoch-checkpoint"), "0 0", "3 0");
    }),
    ("t-0/leader-epoch-checkpoint", "epoch 5 from 13 on, but the log ends at 12", |d| {
        fs::write(d.join("t-0/leader-epoch-checkpoint"), "0\n3\n0 0\n2 6\n5 13\n").unwrap();
    }),
    ("t-0/00000000000000000006.log", "leader-epoch-checkpoint has 1 from 6 on", |d| {
        edit(&d.join("t-0/leader-epoch-checkpoint"), "2 6", "1 6");
    }),
    ("t-0/00000000000000000000.log", "leader-epoch-checkpoint has none there", |d| {
        fs::remove_file(d.join("t-0/leader-epoch-checkpoint")).unwrap();
    }),
    ("t-0/00000000000000000006.index", "it is absent, but its .log is there", |d| {
        fs::remove_file(d.join("t-0/00000000000000000006.index")).unwrap();
    }),
    ("t-0/00000000000000000006.timeindex", "byte 24: an entry of 11 bytes", |d| {
        cut_entry(&d.join("t-0/00000000000000000006.timeindex"), 1);
    }),
    ("t-0/00000000000000000006.timeindex", "byte 12: it ends with time 1008", |d| {
        cut_entry(&d.join("t-0/00000000000000000006.timeindex"), 12);
    }),
    ("t-0/00000000000000000006.log", "it is absent", |d| {
        // no segment without a log: that of its index
        fs::rename(
            d.join("t-0/00000000000000000010.log"),
            d.join("t-0/00000000000000000010.log.deleted"),
        )
        .unwrap();
        fs::rename(
            d.join("t-0/00000000000000000006.log"),
            d.join("t-0/00000000000000000006.log.deleted"),
        )
        .unwrap();
    }),
    (
        "t-0/00000000000000000010.log",
        "it begins at offset 10, but the segment before ends at 6",
        |d| {
            for suffix in ["log", "index", "timeindex", "txnindex"] {
                fs::remove_file(d.join(format!("t-0/00000000000000000006.{suffix}"))).unwrap();
            }
        },
    ),
    ("t-0/00000000000000000006.txnindex", "no marker at 7 that aborts", |d| {
        let path = d.join("t-0/00000000000000000006.txnindex");
        let mut bytes = fs::read(&path).unwrap();
        (bytes[25], bytes[33]) = (7, 8);
        fs::write(path, bytes).unwrap();
    }),
    ("t-0/00000000000000000006.txnindex", "of producer 8", |d| {
        let path = d.join("t-0/00000000000000000006.txnindex");
        let mut bytes = fs::read(&path).unwrap();
        bytes[9] = 8;
        fs::write(path, bytes).unwrap();
    }),
    ("t-0/00000000000000000009.snapshot", "the snapshot is as of 9", |d| {
        fs::write(d.join("t-0/00000000000000000009.snapshot"), snapshot(12)).unwrap();
    }),
    ("t-0/00000000000000000010.log", "zeros where a batch should begin", |d| {
        let path = d.join("t-0/00000000000000000010.log");
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(&[0; 100]);
        fs::write(path, bytes).unwrap();
    }),
];

#[test]
fn each_kind_of_damage_is_named_with_its_place() {
    for (file, words, damage) in DAMAGES {
        let data = data();
        damage(data.path());
        let problem = problem(data.path()).unwrap_or_else(|| panic!("{file}: {words}: passed"));
        if words == "it is absent" {
            let orphans = ["t-0/00000000000000000006.index", "t-0/00000000000000000010.index"];
            let found = orphans.iter().any(|orphan| problem.path == data.path().join(orphan));
            assert!(found && problem.what.contains("absent"), "{problem}");
            continue;
        }
        assert_eq!(problem.path, data.path().join(file), "{problem}");
        assert!(problem.to_string().contains(words), "{words}: {problem}");
        assert!(!problem.advice.is_empty());
    }
}

#[test]
fn gaps_are_in_order_where_compaction_left_them() {
    let data = data();
    let dir = data.path().join("t-0");
    let batches = [
        (2, batch(0, 3, Compression::None, 0, None)),
        (5, batch(4, 2, Compression::None, 0, None)),
    ];
    write_segment(&dir, 0, &batches);
    let found = problem(data.path()).unwrap();
    let words = "a batch at offset 4, where 3 was due";
    assert!(found.what == words && found.advice.contains("--compacted"), "{found}");
    assert_eq!(check(data.path(), true).problems, []);
    fs::write(data.path().join("cleaner-offset-checkpoint"), "0\n1\nt 0 6\n").unwrap();
    assert_eq!(problem(data.path()), None);
}

#[test]
fn garbage_of_any_length_is_named_and_never_a_panic() {
    let mut random = fastrand::Rng::with_seed(7);
    let data = data();
    let dir = data.path().join("t-0");
    let names = place::list(&dir).unwrap();
    for round in 0..40 {
        for entry in &names {
            let path = dir.join(&entry.name);
            let whole = fs::read(&path).unwrap();
            // a whole number of entries, so that their content is judged, too
            let garbage: Vec<u8> = (0..random.usize(1..20) * 24).map(|_| random.u8(..)).collect();
            fs::write(&path, &garbage).unwrap();
            let problem = problem(&dir);
            assert!(problem.is_some(), "{}: round {round}: {garbage:?}", entry.name);
            fs::write(&path, whole).unwrap();
        }
    }
    assert_eq!(problem(&dir), None);
}

#[test]
fn what_is_no_log_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notes.txt");
    fs::write(&file, "x").unwrap();
    for (path, words) in [
        (dir.path().to_owned(), "it is no data directory"),
        (file, "by its name it is no file that can be checked"),
        (dir.path().join("absent"), "it cannot be read"),
    ] {
        let found = problem(&path).unwrap();
        assert!(found.path == path && found.what.contains(words), "{found}");
    }
}
