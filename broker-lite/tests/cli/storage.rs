//! What is said when records are not where one thinks.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use super::{Broker, command};

const PATIENCE: [&str; 4] = ["-X", "delivery.timeout.ms=1500", "-X", "request.timeout.ms=1000"];

#[test]
fn a_full_disk_is_named_to_who_writes_at_once_and_in_the_end() {
    let data = tempfile::tempdir().unwrap();
    // no file grows beyond 32 KiB: the system refuses as it does without space
    let serve = "trap '' XFSZ; ulimit -f 64; exec \"$0\" serve --port 0 -t t --data \"$1\"";
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", serve, env!("CARGO_BIN_EXE_broker-lite")]).arg(data.path());
    let broker = Broker::spawn(shell.env_remove("RUST_LOG").stderr(Stdio::null()));
    let line = format!("{}\n", "x".repeat(100_000));
    for _ in 0..2 {
        let produce = [&["produce", "t"][..], &PATIENCE].concat();
        let (code, errors) = broker.fails(&produce, line.as_bytes());
        let (first, last) = (errors.lines().next().unwrap(), errors.lines().last().unwrap());
        assert!(code == 1 && first.contains("WARN") && first.contains("trying again"), "{errors}");
        assert!(last.starts_with("broker-lite: sending to t: not delivered within"), "{errors}");
        for line in [first, last] {
            assert!(line.contains("KAFKA_STORAGE_ERROR"), "{errors}");
        }
        let (code, errors) = broker.fails(&["topic", "create", "u"], b"");
        assert!(code == 1 && errors.contains("File too large"), "{errors}");
    }
    let (_, errors) = broker.fails(
        &[&["produce", "t"][..], &PATIENCE, &["-X", "enable.idempotence=false"]].concat(),
        b"x\n",
    );
    assert!(errors.matches("File too large").count() == 2, "{errors}");
}

#[test]
fn a_damaged_batch_is_named_with_its_place_and_how_to_go_on_behind_it() {
    let data = tempfile::tempdir().unwrap();
    let serve = ["serve", "-t", "t:2", "--data", data.path().to_str().unwrap()];
    let mut broker = Broker::start(&serve);
    for line in [&b"0\n"[..], b"1\n", b"2\n"] {
        broker.ok(&["produce", "t", "-p", "1"], line);
    }
    assert_eq!(broker.signal("TERM"), 0);
    let log = data.path().join("t-1/00000000000000000000.log");
    let mut bytes = std::fs::read(&log).unwrap();
    let (batch, value) = (bytes.len() / 3, 61 + 7); // the header, and what precedes a value
    bytes[batch + value - 2] ^= 1;
    std::fs::write(&log, &bytes).unwrap();

    let broker = Broker::start(&serve);
    let output = broker.client(&["consume", "t"], b"");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b"0\n"[..]), "{errors}");
    for part in ["reading t: t-1 cannot be read at offset 1", "CORRUPT_MESSAGE", "-p 1 --from"] {
        assert!(errors.contains(part), "{errors}");
    }
    assert_eq!(broker.ok(&["consume", "t", "-p", "1", "--from", "2"], b""), "2\n");
}

/// Starts on `data` and stops again; what it says.
fn said_at_a_start(data: &Path) -> String {
    let mut serve = command(&["serve", "--port", "0", "-d", data.to_str().unwrap()]);
    let mut broker = Broker::spawn(serve.env("NO_COLOR", "1").stderr(Stdio::piped()));
    assert_eq!(broker.signal("TERM"), 0);
    let mut said = String::new();
    broker.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    said
}

#[test]
fn an_index_that_does_not_fit_is_named_once_and_made_anew() {
    let data = tempfile::tempdir().unwrap();
    let serve = ["serve", "-t", "t", "--data", data.path().to_str().unwrap()];
    let mut broker = Broker::start(&serve);
    broker.ok(&["produce", "t"], b"1\n");
    assert_eq!(broker.signal("TERM"), 0);
    for suffix in ["index", "timeindex"] {
        let index = data.path().join(format!("t-0/00000000000000000000.{suffix}"));
        let before = std::fs::read(&index).unwrap();
        std::fs::write(&index, b"1234567").unwrap();
        let said = said_at_a_start(data.path());
        assert!(said.contains("WARN") && said.contains("made anew dir=\"t-0\""), "{said}");
        assert_eq!(std::fs::read(&index).unwrap(), before, "{suffix}");
        assert!(!said_at_a_start(data.path()).contains("WARN"), "{suffix}");
    }
}

#[test]
fn a_start_that_refuses_a_file_says_which_where_and_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let mut broker = Broker::start(&["serve", "-t", "t", "--data", path]);
    assert_eq!(broker.signal("TERM"), 0);
    for (file, bytes, parts) in [
        ("log-start-offset-checkpoint", "0\n1\nt 0", ["checkpoint: line 3: ", "remove the file"]),
        ("meta.properties", "version=1\n", ["node.id is missing", "write it anew"]),
        ("t-0/partition.metadata", &*"x".repeat(99), ["metadata: no topic id", "remove the file"]),
    ] {
        let file = data.path().join(file);
        let before = std::fs::read(&file).unwrap_or_default();
        std::fs::write(&file, bytes).unwrap();
        let output = command(&["serve", "--port", "0", "--data", path]).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let last = errors.lines().last().unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(last.contains(path) && parts.iter().all(|part| last.contains(part)), "{errors}");
        std::fs::write(&file, before).unwrap();
    }
    said_at_a_start(data.path());
}

#[test]
fn which_durability_holds_is_said_at_a_start() {
    let data = tempfile::tempdir().unwrap();
    let on_disk = ["-d", data.path().to_str().unwrap()];
    let told = |arguments: &[&str], client: &[&str]| {
        let mut serve = command(&["serve", "--port", "0"]);
        serve.args(arguments).env("NO_COLOR", "1").stderr(Stdio::piped());
        let mut broker = Broker::spawn(&mut serve);
        broker.ok(client, b"");
        assert_eq!(broker.signal("TERM"), 0);
        let mut said = String::new();
        broker.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    };
    let create = ["topic", "create", "t", "-c", "ottla.durability=os"];
    let said = told(&["--durability", "commit"], &create);
    assert!(said.contains("WARN") && said.contains("without a data directory"), "{said}");
    let commit = [&["--durability", "commit"][..], &on_disk].concat();
    let said = told(&commit, &create);
    assert!(!said.contains("WARN") && said.contains("on the device"), "{said}");
    let said = told(&commit, &["topic", "list"]);
    assert!(said.contains("WARN") && said.contains("which is commit: t=os"), "{said}");
    let said = told(&on_disk, &["topic", "list"]);
    assert!(!said.contains("WARN") && said.contains("page cache"), "{said}");
}

#[test]
fn a_data_directory_that_is_a_file_is_called_one() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let output = command(&["serve", "--port", "0", "--data", path]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains(path) && errors.contains("it is a file, no directory"), "{errors}");
}
