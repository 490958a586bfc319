//! A broker process with many partitions that may open few files.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ottla_runtime::Clock;

const OPEN_MAX: usize = 1024;

/// A process: how long it took until it was ready, and how much memory it has.
struct Started {
    child: Child,
    ready_ms: f64,
    resident_kib: u64,
}

/// Starts a broker on a new directory with so many partitions, after a stop and after a kill.
pub(crate) fn partitions(count: i32) {
    println!("| `ulimit -n {OPEN_MAX}` | ready, ms | open files | KiB per partition |");
    println!("|---|---|---|---|");
    let few = tempfile::tempdir().unwrap();
    let (base, _) = end(start(few.path(), 1), "-KILL");
    let dir = tempfile::tempdir().unwrap();
    let starts = [("that are new", "-TERM"), ("after a stop", "-KILL"), ("after a kill", "-KILL")];
    for (when, signal) in starts {
        let started = start(dir.path(), count);
        let ready = started.ready_ms;
        let (resident, open) = end(started, signal);
        let each = f64::from(u32::try_from(resident.saturating_sub(base)).unwrap());
        let each = each / f64::from(count);
        println!("| {count} partitions {when} | {ready:.0} | {open} | {each:.2} |");
    }
}

fn start(dir: &Path, partitions: i32) -> Started {
    let serve = format!(
        "ulimit -n {OPEN_MAX}; exec \"$0\" serve --port 0 --topic many:{partitions} --data \"$1\""
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &serve, env!("CARGO_BIN_EXE_broker-lite")]).arg(dir);
    let clock = Clock::system();
    let before = clock.now();
    let mut child = shell.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("ready"), "the broker did not start: {line}");
    let ready_ms = (clock.now() - before).as_secs_f64() * 1000.0;
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let resident = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let resident_kib = resident.split_whitespace().nth(1).unwrap().parse().unwrap();
    Started { child, ready_ms, resident_kib }
}

/// Ends it; says how much memory it had, and how many files were open.
fn end(mut started: Started, signal: &str) -> (u64, usize) {
    let id = started.child.id().to_string();
    let open = std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    started.child.wait().unwrap();
    (started.resident_kib, open)
}
