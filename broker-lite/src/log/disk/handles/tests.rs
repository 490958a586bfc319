use super::super::{Disk, File, FileDisk, read_all};
use super::*;

fn disk(max: usize) -> (tempfile::TempDir, FileDisk) {
    let dir = tempfile::tempdir().unwrap();
    let disk = FileDisk::with_open_files(dir.path(), max);
    (dir, disk)
}

/// Which files below `dir` this process has open.
fn open_below(dir: &tempfile::TempDir) -> Vec<PathBuf> {
    let root = dir.path().canonicalize().unwrap();
    let open = fs::read_dir("/proc/self/fd").unwrap();
    let open = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    open.filter(|path| path.starts_with(&root) && *path != root).collect()
}

fn write(disk: &FileDisk, path: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = disk.open(path, true).unwrap();
    file.append(&[bytes]).unwrap();
    file
}

fn content(file: &Arc<dyn File>) -> Vec<u8> {
    let mut bytes = vec![0; 100];
    let read = file.read_at(0, &mut bytes).unwrap();
    bytes.truncate(read);
    bytes
}

/// Uses so many other files that no descriptor is left for those of before.
fn use_others(disk: &FileDisk) {
    let others: Vec<_> = (0..32).map(|n| write(disk, &format!("other-{n}"), &[0])).collect();
    assert!(others.iter().all(|file| !content(file).is_empty()));
}

#[test]
fn many_files_are_written_read_and_synced_with_few_descriptors() {
    let (dir, disk) = disk(8);
    let files: Vec<_> = (0..200_u8).map(|n| write(&disk, &format!("f{n}"), &[n])).collect();
    for (n, file) in (0..200_u8).zip(&files) {
        file.append(&[&[n, n]]).unwrap();
        assert!(open_below(&dir).len() <= 8, "{:?}", open_below(&dir));
    }
    for (n, file) in (0..200_u8).zip(&files).rev() {
        assert_eq!((content(file), file.len().unwrap()), (vec![n; 3], 3));
        file.sync().unwrap();
        file.truncate(1).unwrap();
        assert_eq!(content(file), [n]);
    }
    let (sender, ended) = std::sync::mpsc::channel();
    for file in &files {
        let sender = sender.clone();
        file.start_sync(Box::new(move |result| sender.send(result.is_ok()).unwrap()));
    }
    drop(sender);
    assert_eq!(ended.iter().filter(|ok| *ok).count(), 200);
    assert!(open_below(&dir).len() <= 8);
    drop(files);
    assert!(open_below(&dir).is_empty(), "who is held by nobody is closed at once");
}

#[test]
fn those_not_used_for_longest_are_closed_and_synced_ones_before_others() {
    let (dir, disk) = disk(8);
    let used = write(&disk, "used", b"u");
    let unsynced = write(&disk, "unsynced", b"n");
    for file in [&used, &unsynced] {
        file.sync().unwrap();
    }
    unsynced.append(&[b"n"]).unwrap();
    let mut idle = Vec::new();
    for n in 0..100 {
        idle.push(disk.open(&format!("idle{n}"), true).unwrap());
        assert_eq!(content(&used), b"u");
    }
    let open = open_below(&dir);
    let is_open = |name: &str| open.iter().any(|path| path.ends_with(name));
    assert!(is_open("used") && is_open("unsynced") && is_open("idle99"), "{open:?}");
    assert!(!is_open("idle0"), "{open:?}");
}

#[test]
fn a_closed_file_is_found_by_the_name_it_has_now() {
    let (_dir, disk) = disk(8);
    disk.create_dir("a").unwrap();
    disk.create_dir("a-1").unwrap();
    let inside = write(&disk, "a/x", b"inside");
    let beside = write(&disk, "a-1/x", b"beside");
    let renamed = write(&disk, "old", b"renamed");
    use_others(&disk);
    disk.rename("a", "b").unwrap();
    disk.rename("old", "new").unwrap();
    use_others(&disk);
    // names that others take meanwhile
    disk.create_dir("a").unwrap();
    let later = [write(&disk, "a/x", b"later"), write(&disk, "old", b"later")];
    use_others(&disk);
    inside.append(&[b" still"]).unwrap();
    assert_eq!(content(&inside), b"inside still");
    assert_eq!(content(&beside), b"beside");
    assert_eq!(content(&renamed), b"renamed");
    assert!(later.iter().all(|file| content(file) == b"later"));
    assert_eq!(read_all(&disk, "b/x").unwrap(), b"inside still");
}

#[test]
fn who_reads_a_file_that_was_removed_or_replaced_reads_on() {
    let (dir, disk) = disk(8);
    disk.create_dir("d").unwrap();
    type Gone = fn(&FileDisk) -> io::Result<()>;
    let gone: [(&str, Gone); 3] = [
        ("removed", |disk| disk.remove("removed")),
        ("replaced", |disk| disk.rename("by", "replaced")),
        ("d/inside", |disk| disk.remove_dir("d")),
    ];
    for (name, go) in gone {
        let owner = write(&disk, name, name.as_bytes());
        let reader = Arc::clone(&owner);
        if name == "replaced" {
            drop(write(&disk, "by", b"another"));
        }
        use_others(&disk);
        go(&disk).unwrap();
        disk.create_dir("d").unwrap();
        if name != "replaced" {
            drop(write(&disk, name, b"another"));
        }
        drop(owner);
        use_others(&disk);
        assert_eq!(content(&reader), name.as_bytes());
        assert_eq!(read_all(&disk, name).unwrap(), b"another");
        let before = open_below(&dir).len();
        drop(reader);
        assert_eq!(open_below(&dir).len(), before - 1, "the last reader lets go of it");
    }
}

#[test]
fn nobody_gets_another_files_bytes() {
    let (_dir, disk) = disk(8);
    let alone = write(&disk, "f", b"mine");
    use_others(&disk);
    disk.remove("f").unwrap();
    let other = write(&disk, "f", b"another");
    let refused = alone.read_at(0, &mut [0; 4]).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::NotFound);
    assert_eq!(content(&other), b"another");
}

#[test]
fn a_removal_that_fails_changes_nothing() {
    let (_dir, disk) = disk(8);
    let file = write(&disk, "f", b"here");
    disk.create_dir("full/x").unwrap();
    assert!(disk.rename("f", "no/f").is_err());
    assert!(disk.rename("f", "full").is_err());
    assert!(disk.remove("full").is_err());
    use_others(&disk);
    assert_eq!(content(&file), b"here");
}

#[test]
fn files_are_read_while_others_rename_and_remove_them() {
    let (_dir, disk) = disk(8);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let disk = &disk;
            scope.spawn(move || {
                for round in 0..200 {
                    let (name, other) = (format!("{n}-{round}"), format!("{n}-{round}-moved"));
                    let file = write(disk, &name, name.as_bytes());
                    let reader = Arc::clone(&file);
                    let reading = std::thread::Builder::new();
                    let expected = name.clone();
                    let reading = reading
                        .spawn(move || (0..20).all(|_| content(&reader) == expected.as_bytes()));
                    disk.rename(&name, &other).unwrap();
                    drop(write(disk, &name, b"another"));
                    disk.remove(&other).unwrap();
                    disk.remove(&name).unwrap();
                    assert!(reading.unwrap().join().unwrap());
                    drop(file);
                }
            });
        }
    });
}
