//! `log dump` and `log verify` on what a broker wrote.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::{Broker, command};

fn log(arguments: &[&str], path: &Path) -> Output {
    let mut command = command(&["log"]);
    command.args(arguments).arg(path).output().unwrap()
}

/// What it printed; it has to succeed.
fn ok(arguments: &[&str], path: &Path) -> String {
    let output = log(arguments, path);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}: {errors}", output.status);
    assert_eq!(errors, "");
    String::from_utf8(output.stdout).unwrap()
}

/// What it complained about; it has to end with exit code 1.
fn fails(arguments: &[&str], path: &Path) -> String {
    let output = log(arguments, path);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    errors
}

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// A broker that has written several segments, with every codec; and how many records.
fn filled(data: &Path) -> (Broker, usize) {
    let data = data.to_str().unwrap();
    let settings = ["-c", "log.segment.bytes=1048576", "--topic", "t:1", "--topic", "idle:2"];
    let broker = Broker::start(&[&["serve", "--data", data][..], &settings].concat());
    let mut records = 0;
    for codec in CODECS {
        let mut lines = String::new();
        for at in 0..2000_u64 {
            // no codec makes much of these
            let noise = (0..20).map(|n| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(n * 3));
            let noise: String = noise.map(|number| format!("{number:x}")).collect();
            lines.push_str(&format!("{{\"key\":\"k{at}\",\"value\":\"{noise}\"}}\n"));
        }
        records += 2000;
        broker.ok(&["produce", "t", "--format", "json", "--compression", codec], lines.as_bytes());
    }
    (broker, records)
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut logs: Vec<_> = entries.filter(|p| p.extension().is_some_and(|e| e == "log")).collect();
    logs.sort();
    logs
}

/// The lines of JSON that say this of themselves.
fn of_kind(lines: &str, kind: &str) -> Vec<serde_json::Value> {
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|line: &serde_json::Value| line["kind"] == kind).collect()
}

#[test]
fn everything_that_a_broker_wrote_is_in_order_while_it_runs_and_after() {
    let data = tempfile::tempdir().unwrap();
    let (mut broker, records) = filled(data.path());
    ok(&["verify"], data.path());
    assert_eq!(broker.signal("TERM"), 0);

    let verified = ok(&["verify", "-o", "json"], data.path());
    let line = verified.lines().find(|line| line.contains("\"topic\":\"t\"")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let logs = segments(&data.path().join("t-0"));
    assert!(logs.len() > 1, "{logs:?}");
    assert_eq!((&line["end_offset"], &line["records"]), (&records.into(), &records.into()));
    assert_eq!(line["segments"], logs.len());

    let dumped = ok(&["dump", "-o", "json", "--records"], &data.path().join("t-0"));
    assert_eq!(of_kind(&dumped, "record").len(), records);
    let batches = of_kind(&dumped, "batch");
    assert_eq!(line["batches"], batches.len());
    for codec in CODECS {
        assert!(batches.iter().any(|batch| batch["compression"] == codec), "no batch with {codec}");
    }
    let entries = of_kind(&dumped, "entry").len();
    assert!(entries > 20, "{entries} entries");
    assert_eq!(line["index_entries"], entries);
    assert_eq!(of_kind(&dumped, "epoch").len(), 1);
    assert!(!of_kind(&dumped, "producer").is_empty());

    let metadata = ok(&["dump", "--records"], &data.path().join("__cluster_metadata-0"));
    assert!(metadata.contains("\"TOPIC_RECORD\""), "{metadata}");
    let directory = ok(&["dump"], data.path());
    assert!(directory.contains("name=cluster.id value="), "{directory}");
    assert!(directory.contains("topic=t partition=0 offset=10000"), "{directory}");
}

#[test]
fn a_killed_broker_leaves_what_is_in_order_or_cut_short() {
    let data = tempfile::tempdir().unwrap();
    let (broker, _) = filled(data.path());
    drop(broker);
    ok(&["verify"], data.path());
}

#[test]
fn damage_is_named_on_standard_error_and_as_json() {
    let data = tempfile::tempdir().unwrap();
    let (mut broker, _) = filled(data.path());
    assert_eq!(broker.signal("TERM"), 0);
    let log = segments(&data.path().join("t-0")).remove(1);
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&log, &bytes).unwrap();

    let said = fails(&["verify"], data.path());
    let path = log.display();
    let start = format!("broker-lite: {path}: byte 0: the checksum of the batch is ");
    assert!(said.starts_with(&start), "{said}");
    let lines = String::from_utf8(self::log(&["verify", "-o", "json"], &log).stdout).unwrap();
    let line: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!((&line["file"], &line["byte"]), (&path.to_string().into(), &0.into()));
    let dumped = self::log(&["dump", "-o", "json"], &log);
    assert_eq!(dumped.status.code(), Some(1));
    let named = String::from_utf8(dumped.stderr).unwrap();
    assert!(named.starts_with(&start), "{named}");
    let dumped = of_kind(&String::from_utf8(dumped.stdout).unwrap(), "batch");
    let damaged: Vec<_> = dumped.iter().map(|batch| batch["damaged"] == true).collect();
    assert!(damaged[0] && !damaged[1..].contains(&true));

    bytes[100] ^= 1;
    bytes.truncate(bytes.len() - 1);
    std::fs::write(&log, &bytes).unwrap();
    assert!(fails(&["dump"], &log).contains("the file ends 1 bytes before the batch"));
    assert!(fails(&["dump"], &data.path().join("absent")).contains("absent: it cannot be read"));
}
