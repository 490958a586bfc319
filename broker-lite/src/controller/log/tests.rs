use super::*;
use crate::log::disk::{Disk, MemoryDisk, read_all};
use crate::log::manager::MetaProperties;
use crate::log::segment;
use ottla_protocol::metadata_records::TopicRecord;

const NODE: NodeId = NodeId(1);
const DIR: &str = "__cluster_metadata-0";

fn manager(disk: &MemoryDisk) -> LogManager {
    let directory_id = Uuid::from_random([9; 16]);
    let meta = || MetaProperties { cluster_id: "c".to_owned(), node_id: NODE, directory_id };
    LogManager::open(Arc::new(disk.clone()), meta).unwrap()
}

/// A start after whatever has happened; the names of the topics it knows.
fn start(disk: &MemoryDisk) -> Result<(LogManager, MetadataLog, Vec<String>), LogError> {
    let logs = manager(disk);
    let (log, image, _) = MetadataLog::open(&logs, NODE, 0)?;
    let topics = image.topics().map(|topic| topic.name.to_string()).collect();
    Ok((logs, log, topics))
}

/// Makes a topic, on the device when this returns; says where its batch begins.
fn make(log: &mut MetadataLog, name: &str) -> Offset {
    let offset = log.next_offset();
    let id = Uuid::from_random([name.as_bytes()[0]; 16]);
    let record = TopicRecord { name: name.into(), topic_id: id, ..Default::default() };
    log.append(&[Event::Topic(record)], 0).unwrap();
    log.sync().unwrap();
    offset
}

fn path() -> String {
    segment::path(DIR, Offset::ZERO, "log")
}

fn write(disk: &MemoryDisk, bytes: &[u8]) {
    let file = disk.open(&path(), false).unwrap();
    file.truncate(0).unwrap();
    file.append(&[bytes]).unwrap();
}

/// Topics `a` and `b` made before a checkpoint, `c` after it, then a kill. What is in the file, and
/// where the batches of the three begin.
fn killed(disk: &MemoryDisk) -> (Vec<u8>, [(usize, Offset); 3]) {
    let (logs, mut log, _) = start(disk).unwrap();
    let begins = ["a", "b", "c"].map(|name| {
        let at = read_all(disk, &path()).unwrap().len();
        if name == "c" {
            logs.checkpoint([&**log.partition()]).unwrap();
        }
        (at, make(&mut log, name))
    });
    (read_all(disk, &path()).unwrap(), begins)
}

/// Does what a refusal says.
fn give_up(disk: &MemoryDisk) {
    let points = String::from_utf8(read_all(disk, RECOVERY_POINTS).unwrap()).unwrap();
    let ours = points.lines().find(|line| line.starts_with("__cluster_metadata 0 ")).unwrap();
    let text = points.replace(ours, "__cluster_metadata 0 0");
    crate::log::disk::replace(disk, RECOVERY_POINTS, text.as_bytes()).unwrap();
}

/// What is done to the bytes from a position on.
type Damaging = fn(&mut Vec<u8>, usize);

const DAMAGES: [(&str, Damaging, &str); 4] = [
    ("a record", |file, at| file[at + 70] ^= 1, "the checksum does not fit"),
    ("a length", |file, at| file[at + 8] ^= 0x40, "the file ends inside a batch"),
    ("a magic byte", |file, at| file[at + 16] ^= 4, "magic 6 instead of 2"),
    ("the rest of the file", Vec::truncate, "the log ends here: it was longer"),
];

#[test]
fn damage_of_what_was_on_the_device_is_refused_and_nothing_is_cut_off() {
    for (what, damage, says) in DAMAGES {
        for clean in [false, true] {
            let disk = MemoryDisk::new();
            let (bytes, [(at, offset), ..]) = killed(&disk);
            if clean {
                let (logs, log, _) = start(&disk).unwrap();
                logs.close(&[Arc::clone(log.partition())]).unwrap();
            }
            let whole = read_all(&disk, &path()).unwrap();
            let mut damaged = whole.clone();
            damage(&mut damaged, at);
            write(&disk, &damaged);
            for _ in 0..2 {
                let refused = start(&disk).unwrap_err();
                assert!(matches!(refused, LogError::Damaged { .. }), "{what}: {refused:?}");
                let text = refused.to_string();
                let place = format!("{}: the batch at byte {at}, offset {offset}: {says}", path());
                assert!(text.contains(&place) && text.contains("log verify"), "{what}: {text}");
                assert!(read_all(&disk, &path()).unwrap() == damaged, "{what}: it was cut");
            }
            write(&disk, &whole);
            assert_eq!(start(&disk).unwrap().2, ["a", "b", "c"], "{what}: repaired");
            // what the refusal says of the way out is true
            write(&disk, &damaged);
            give_up(&disk);
            assert!(start(&disk).unwrap().2.is_empty(), "{what}: given up");
            assert!(bytes.len() > at);
        }
    }
}

#[test]
fn what_a_crash_has_torn_behind_the_recovery_point_is_cut_off() {
    for (what, damage, _) in DAMAGES {
        let disk = MemoryDisk::new();
        let (mut bytes, [.., (at, _)]) = killed(&disk);
        damage(&mut bytes, at);
        write(&disk, &bytes);
        assert_eq!(start(&disk).unwrap().2, ["a", "b"], "{what}");
    }
}

#[test]
fn a_log_that_was_taken_away_is_begun_anew_at_each_start_that_follows() {
    let disk = MemoryDisk::new();
    killed(&disk);
    disk.remove_dir(DIR).unwrap();
    for _ in 0..2 {
        assert!(start(&disk).unwrap().2.is_empty());
    }
}

/// Three segments, each with a topic, then a stop; where the segments begin.
fn in_segments(disk: &MemoryDisk) -> Vec<Offset> {
    let (logs, mut log, _) = start(disk).unwrap();
    let mut begins = vec![Offset::ZERO];
    for name in ["a", "b"] {
        make(&mut log, name);
        begins.push(log.next_offset());
        log.partition().roll_for_cleaning(0).unwrap();
    }
    make(&mut log, "c");
    logs.close(&[Arc::clone(log.partition())]).unwrap();
    begins
}

#[test]
fn metadata_of_which_an_earlier_segment_is_gone_or_cut_short_is_refused() {
    let whole = MemoryDisk::new();
    in_segments(&whole);
    assert_eq!(start(&whole).unwrap().2, ["a", "b", "c"]);
    for (segment, left) in [(0, None), (1, None), (0, Some(9)), (1, Some(9)), (0, Some(0))] {
        let disk = MemoryDisk::new();
        let path = segment::path(DIR, in_segments(&disk)[segment], "log");
        match left {
            None => disk.remove(&path).unwrap(),
            Some(short_by) => {
                let file = disk.open(&path, false).unwrap();
                let len = if short_by == 0 { 0 } else { file.len().unwrap() - short_by };
                file.truncate(len).unwrap();
            }
        }
        for _ in 0..2 {
            let refused = start(&disk).unwrap_err();
            let text = refused.to_string();
            assert!(
                matches!(refused, LogError::Gap { .. } | LogError::Damaged { .. }),
                "{segment} {left:?}: {text}"
            );
            assert!(text.contains("log verify"), "{text}");
        }
    }
}
