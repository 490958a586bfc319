//! What the log costs beside the system calls it stands on, in one run:
//! `cargo bench -p broker-lite --features bench --bench log`. Tables on stdout, medians of several.
//!
//! Appends and hot reads by CPU time of one core, so that other load on the machine counts little;
//! what waits for the device by the clock. Every raw figure does the same sizes on the same volume.
//! The directory is `TMPDIR`'s; about 1.5 GB of it are used.
#![expect(clippy::unwrap_used, reason = "a figure that cannot be taken ends the run")]

mod open;

use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use broker_lite::log::bench::{BareLog, Replica};
use bytes::{Bytes, BytesMut};
use ottla_protocol::ids::Timestamp;
use ottla_protocol::record::{BatchBuilder, Compression, Compressor, HEADER_SIZE};
use ottla_runtime::Clock;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const SIZES: [usize; 6] = [KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB];
const ROUNDS: usize = 5;
/// As much as a Fetch asks for by default.
const READ_BYTES: usize = MIB;

/// How much there is to do: everything, or only enough to see that it runs.
#[derive(Clone, Copy)]
struct Scale {
    append_bytes: usize,
    syncs: usize,
    read_bytes: usize,
    recover_bytes: usize,
    partitions: i32,
    rounds: usize,
}

/// A part of the figures, which `ONLY=name` takes alone.
type Step = (&'static str, fn(Scale));

fn main() {
    let full = std::env::args().any(|arg| arg == "--bench");
    let only = std::env::var("ONLY").unwrap_or_default();
    let scale = if full {
        Scale {
            append_bytes: 256 * MIB,
            syncs: 100,
            read_bytes: 512 * MIB,
            recover_bytes: 1024 * MIB,
            partitions: 10_000,
            rounds: ROUNDS,
        }
    } else {
        let bytes = 4 * MIB;
        let (append_bytes, read_bytes, recover_bytes) = (bytes, bytes, bytes);
        Scale { append_bytes, syncs: 2, read_bytes, recover_bytes, partitions: 50, rounds: 1 }
    };
    let steps: [Step; 5] = [
        ("append", appends),
        ("sync", synced_appends),
        ("read", reads),
        ("recover", recovery),
        ("open", |scale| open::partitions(scale.partitions)),
    ];
    for (_, step) in steps.iter().filter(|(name, _)| only.is_empty() || *name == only) {
        step(scale);
        println!();
    }
}

fn appends(scale: Scale) {
    println!(
        "| append, `os`: MB per CPU second | pwrite | log | log's time by pwrite's | with CRC and validation |"
    );
    println!("|---|---|---|---|---|");
    for size in SIZES {
        let batch = batch(size);
        let count = scale.append_bytes / size;
        let mut all = Vec::new();
        for _ in 0..scale.rounds {
            let raw = in_fresh(|dir| {
                let file = create(&dir.join("raw"));
                cpu(|| (0..count).for_each(|n| write_at(&file, &batch, n * batch.len())))
            });
            let log = in_fresh(|dir| {
                let mut log = BareLog::open(dir);
                cpu(|| (0..count).for_each(|_| log.append(&batch)))
            });
            let checked = in_fresh(|dir| {
                let mut replica = Replica::open(dir);
                cpu(|| (0..count).for_each(|_| replica.produce(batch.clone())))
            });
            all.push([raw, log, checked]);
        }
        let [raw, log, checked] = medians(&all);
        let rate = |seconds| megabytes(count * batch.len(), seconds);
        let (times, size) = (log / raw, size / KIB);
        println!("| {size} KiB | {} | {} | {times:.2} | {} |", rate(raw), rate(log), rate(checked));
    }
}

fn synced_appends(scale: Scale) {
    println!(
        "| append, `commit`: MB/s | pwrite and fdatasync | log | syncs/s | log's time by that |"
    );
    println!("|---|---|---|---|---|");
    for size in SIZES {
        let batch = batch(size);
        let mut all = Vec::new();
        for _ in 0..scale.rounds {
            let raw = in_fresh(|dir| {
                let file = create(&dir.join("raw"));
                wall(|| {
                    for n in 0..scale.syncs {
                        write_at(&file, &batch, n * batch.len());
                        file.sync_data().unwrap();
                    }
                })
            });
            let log = in_fresh(|dir| {
                let mut log = BareLog::open(dir);
                wall(|| {
                    for _ in 0..scale.syncs {
                        log.append(&batch);
                        log.sync();
                    }
                })
            });
            all.push([raw, log]);
        }
        let [raw, log] = medians(&all);
        let rate = |seconds| megabytes(scale.syncs * batch.len(), seconds);
        let a_second = f64::from(u32::try_from(scale.syncs).unwrap()) / log;
        let (times, size) = (log / raw, size / KIB);
        println!("| {size} KiB | {} | {} | {a_second:.0} | {times:.2} |", rate(raw), rate(log));
    }
}

fn reads(scale: Scale) {
    println!("| read, 1 MiB a time, CRC checked | pread alone | log | CRC-32C alone |");
    println!("|---|---|---|---|");
    let dir = tempfile::tempdir().unwrap();
    let end = fill(dir.path(), &batch(16 * KIB), scale.read_bytes);
    let replica = Replica::open(dir.path());
    let file = File::open(segments(dir.path()).remove(0)).unwrap();
    file.sync_all().unwrap();
    let total = usize::try_from(file.metadata().unwrap().len()).unwrap();
    let mut buffer = vec![0; READ_BYTES];
    let mut raw_read = || {
        for at in (0..total).step_by(READ_BYTES) {
            let n = file.read_at(&mut buffer, u64::try_from(at).unwrap()).unwrap();
            black_box(&buffer[..n]);
        }
    };
    let mut out = BytesMut::with_capacity(READ_BYTES);
    let mut log_read = || {
        let (mut offset, mut read) = (0, 0);
        while offset < end {
            out.clear();
            let bytes = replica.read(offset, u32::try_from(READ_BYTES).unwrap(), &mut out);
            // all batches are the same
            offset += end * i64::try_from(bytes).unwrap() / i64::try_from(total).unwrap();
            read += bytes;
        }
        assert_eq!(read, total);
    };
    let (mut hot, mut cold) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let checksum = {
            let bytes = fs::read(&segments(dir.path())[0]).unwrap();
            cpu(|| {
                black_box(crc32c::crc32c(&bytes));
            })
        };
        hot.push([cpu(&mut raw_read), cpu(&mut log_read), checksum]);
        let raw = {
            forget(&file);
            wall(&mut raw_read)
        };
        forget(&file);
        cold.push([raw, wall(&mut log_read)]);
    }
    let [raw, log, checksum] = medians(&hot);
    let rate = |seconds| megabytes(total, seconds);
    println!("| hot, MB per CPU second | {} | {} | {} |", rate(raw), rate(log), rate(checksum));
    let [raw, log] = medians(&cold);
    println!("| cold, MB/s | {} | {} | |", rate(raw), rate(log));
}

fn recovery(scale: Scale) {
    println!("| recovery, CPU ms | reading and CRC-32C once | opening | times |");
    println!("|---|---|---|---|");
    for size in [KIB, 16 * KIB, MIB] {
        let dir = tempfile::tempdir().unwrap();
        let end = fill(dir.path(), &batch(size), scale.recover_bytes);
        let mut all = Vec::new();
        for _ in 0..scale.rounds {
            let raw = cpu(|| {
                let mut buffer = vec![0; 256 * KIB];
                for path in segments(dir.path()) {
                    let file = File::open(path).unwrap();
                    let (mut at, mut crc) = (0, 0);
                    loop {
                        let n = file.read_at(&mut buffer, at).unwrap();
                        if n == 0 {
                            break;
                        }
                        crc = crc32c::crc32c_append(crc, &buffer[..n]);
                        at += u64::try_from(n).unwrap();
                    }
                    black_box(crc);
                }
            });
            let opened = cpu(|| assert_eq!(BareLog::open(dir.path()).end(), end));
            all.push([raw, opened]);
        }
        let [raw, opened] = medians(&all);
        let (ms, times, size) = (|seconds: f64| seconds * 1000.0, opened / raw, size / KIB);
        println!(
            "| {} MiB of batches of {size} KiB | {:.0} | {:.0} | {times:.2} |",
            scale.recover_bytes / MIB,
            ms(raw),
            ms(opened),
        );
    }
}

/// A batch of about so many bytes, with records of up to 1 KiB, as a client sends it.
fn batch(bytes: usize) -> Bytes {
    let mut batch = BatchBuilder::new(BytesMut::new());
    let mut random = 88_172_645_463_325_252_u64;
    loop {
        let left = bytes.saturating_sub(batch.len().max(HEADER_SIZE));
        if left < 32 {
            break;
        }
        let mut value = vec![0; (left - 12).min(1000)];
        for byte in &mut value {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            *byte = random.to_le_bytes()[0];
        }
        batch.append(Timestamp(1_000), None, Some(&value), &[]).unwrap();
    }
    let sealed = batch.seal(Compression::None, &mut Compressor::default(), None);
    sealed.unwrap().bytes.freeze()
}

/// Writes a log and leaves it as a killed process does; gives its end.
fn fill(dir: &Path, batch: &[u8], bytes: usize) -> i64 {
    let mut log = BareLog::open(dir);
    (0..bytes / batch.len()).for_each(|_| log.append(batch));
    log.end()
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("bench-0")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "log")).collect();
    files.sort();
    files
}

fn in_fresh(run: impl FnOnce(&Path) -> f64) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path())
}

fn create(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create_new(true).open(path).unwrap()
}

fn write_at(file: &File, bytes: &[u8], at: usize) {
    file.write_all_at(bytes, u64::try_from(at).unwrap()).unwrap();
}

/// Takes a file, which is synced, out of the page cache.
fn forget(file: &File) {
    rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

/// CPU seconds of this thread.
fn cpu(run: impl FnOnce()) -> f64 {
    let spent = || {
        let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        let nanoseconds = stat.split_whitespace().next().unwrap().parse::<f64>();
        nanoseconds.unwrap() / 1e9
    };
    let before = spent();
    run();
    spent() - before
}

fn wall(run: impl FnOnce()) -> f64 {
    let clock = Clock::system();
    let before = clock.now();
    run();
    (clock.now() - before).as_secs_f64()
}

fn medians<const N: usize>(rounds: &[[f64; N]]) -> [f64; N] {
    core::array::from_fn(|i| {
        let mut values: Vec<_> = rounds.iter().map(|round| round[i]).collect();
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    })
}

fn megabytes(bytes: usize, seconds: f64) -> String {
    let rate = f64::from(u32::try_from(bytes).unwrap()) / 1e6 / seconds;
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}
