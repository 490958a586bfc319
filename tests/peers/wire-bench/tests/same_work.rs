//! Both sides do the same work, or the comparison says nothing.

use wire_bench::{JOBS, Side, ours, theirs};

#[test]
fn both_write_the_same_bytes() {
    let messages = ours::messages();
    assert_eq!(messages.len(), 4);
    for ((name, ours), (_, theirs)) in messages.iter().zip(theirs::messages()) {
        assert_eq!(*ours, theirs, "{name}");
    }
}

#[test]
fn each_turn_of_both_handles_the_same() {
    for job in JOBS {
        let mut ours = job.prepare(Side::Ours).expect("every job is one of ours");
        let first = ours();
        assert_eq!(first, ours(), "{}, twice", job.name);
        if let Some(mut theirs) = job.prepare(Side::Theirs) {
            assert_eq!(first, theirs(), "{}", job.name);
        }
    }
}
