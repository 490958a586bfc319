use super::*;

/// Every test runs on both disks.
fn on_both(test: impl Fn(&dyn Disk)) {
    test(&MemoryDisk::new());
    let dir = tempfile::tempdir().unwrap();
    test(&FileDisk::new(dir.path()));
}

#[test]
fn bytes_appended_in_parts_are_read_back_from_any_position() {
    on_both(|disk| {
        let file = disk.open("f", true).unwrap();
        let mut expected = Vec::new();
        for i in 0..300_u32 {
            let part: Vec<u8> =
                (0..i * 7).map(|n| n.to_le_bytes()[0] ^ i.to_le_bytes()[0]).collect();
            let (a, b) = part.split_at(part.len() / 3);
            file.append(&[a, b]).unwrap();
            expected.extend_from_slice(&part);
        }
        assert_eq!(file.len().unwrap(), expected.len() as u64);
        for (position, len) in [(0, 10), (65_530, 20), (65_536, 65_536), (300_000, 99_999)] {
            let mut out = vec![0; len];
            let read = file.read_at(position as u64, &mut out).unwrap();
            let end = expected.len().min(position + len);
            assert_eq!(out[..read], expected[position.min(end)..end], "{position}");
        }
    });
}

#[test]
fn a_directory_lies_on_a_volume_and_memory_on_none() {
    assert_eq!(MemoryDisk::new().volume().unwrap(), None);
    let dir = tempfile::tempdir().unwrap();
    let volume = FileDisk::new(dir.path()).volume().unwrap().unwrap();
    assert!(volume.total_bytes > 0 && volume.usable_bytes <= volume.total_bytes, "{volume:?}");
    let absent = FileDisk::new(dir.path().join("absent")).volume();
    assert_eq!(absent.unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_file_continues_where_it_was_cut() {
    on_both(|disk| {
        let file = disk.open("f", true).unwrap();
        file.append(&[&vec![1; 200_000]]).unwrap();
        for cut in [131_072_u64, 131_071, 5, 0] {
            file.truncate(cut).unwrap();
            file.append(&[&[2], &[3]]).unwrap();
            let mut last = [0; 2];
            assert_eq!(file.read_at(cut, &mut last).unwrap(), 2);
            assert_eq!((file.len().unwrap(), last), (cut + 2, [2, 3]));
        }
    });
}

#[test]
fn names_are_listed_renamed_and_removed() {
    on_both(|disk| {
        disk.create_dir("a/b").unwrap();
        disk.open("a/x", true).unwrap().append(&[b"old"]).unwrap();
        disk.open("a/b/y", true).unwrap().append(&[b"new"]).unwrap();
        disk.rename("a/b/y", "a/x").unwrap();
        assert_eq!(read_all(disk, "a/x").unwrap(), b"new");
        disk.rename("a", "c").unwrap();
        let names: Vec<_> = disk.list("c").unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["b", "x"]);
        assert_eq!(disk.list("a").unwrap_err().kind(), io::ErrorKind::NotFound);
        disk.remove_dir("c").unwrap();
        assert!(disk.list("").unwrap().is_empty());
        assert_eq!(disk.open("c/x", false).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(disk.open("no/x", true).unwrap_err().kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn a_lock_is_held_by_one_and_says_by_whom() {
    on_both(|disk| {
        let held = disk.lock(".lock").unwrap();
        let refused = disk.lock(".lock").unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(held);
        disk.lock(".lock").unwrap();
    });
}

#[test]
fn a_started_sync_ends_once() {
    on_both(|disk| {
        let (sender, ended) = std::sync::mpsc::channel();
        for n in 0..20 {
            let file = disk.open(&format!("f{n}"), true).unwrap();
            file.append(&[b"x"]).unwrap();
            let sender = sender.clone();
            file.start_sync(Box::new(move |result| sender.send(result.is_ok()).unwrap()));
        }
        drop(sender);
        assert_eq!(ended.iter().filter(|ok| *ok).count(), 20);
    });
}

#[test]
fn a_replaced_file_is_old_or_new() {
    on_both(|disk| {
        replace(disk, "c", b"one, and longer").unwrap();
        disk.open("c.tmp", true).unwrap().append(&[b"left by a crash"]).unwrap();
        replace(disk, "c", b"two").unwrap();
        assert_eq!(read_all(disk, "c").unwrap(), b"two");
        assert_eq!(disk.open("c.tmp", false).unwrap_err().kind(), io::ErrorKind::NotFound);
    });
}
