use super::super::config::Cleanup;
use super::super::disk::MemoryDisk;
use super::super::testing::{Spec, offset};
use super::*;

const DIR: &str = "t-0";

/// Where batches of one record begin, of two segments that do not join.
type Bases<'a> = (&'a [i64], &'a [i64]);

/// Two segments, opened after a crash; says where the log ends.
fn end_of((first, second): Bases<'_>, compact: bool, cleaned_to: Option<i64>) -> i64 {
    let disk = MemoryDisk::new();
    disk.create_dir(DIR).unwrap();
    for bases in [first, second] {
        let file = disk.open(&segment::path(DIR, offset(bases[0]), "log"), true).unwrap();
        for base in bases {
            file.append(&[&Spec { base: *base, ..Spec::default() }.bytes()]).unwrap();
        }
    }
    let cleanup = Cleanup { delete: !compact, compact };
    let config = Arc::new(LogConfig { cleanup, ..LogConfig::default() });
    let args = OpenArgs { cleaned_to: cleaned_to.map(offset), ..OpenArgs::default() };
    let (log, repaired) = Log::open(Arc::new(disk), DIR, config, &args).unwrap();
    assert_eq!(repaired.bytes_cut == 0, log.end() == offset(second[second.len() - 1] + 1));
    log.end().get()
}

#[test]
fn a_gap_between_segments_is_a_loss_unless_compaction_may_have_left_it() {
    const WHOLE: Bases<'_> = (&[0, 1, 2], &[10, 11]);
    const THINNED: Bases<'_> = (&[0, 2], &[10, 11]);
    for (why, bases, compact, cleaned_to, end) in [
        ("nothing was ever compacted", WHOLE, false, None, 3),
        ("Kafka may have compacted it", WHOLE, true, None, 12),
        ("nor is it now, but it was, and somebody wrote down how far", WHOLE, false, Some(10), 12),
        ("what is compacted ends before the gap", WHOLE, true, Some(9), 3),
        ("the segment before it was compacted, as one sees", THINNED, false, None, 12),
    ] {
        assert_eq!(end_of(bases, compact, cleaned_to), end, "{why}");
    }
}
