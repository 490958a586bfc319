//! What the binary promises to a shell: its ready line, its exit codes, and pipes both ways.
#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

mod connect;
mod consume;
mod decode;
mod log;
mod settings;
mod storage;
mod topics;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Output, Stdio};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_broker-lite"));
    command.args(arguments).env_remove("RUST_LOG").stdin(Stdio::null());
    for name in ["KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BROKERS", "BOOTSTRAP_SERVERS"] {
        command.env_remove(name);
    }
    command
}

/// A broker in a process of its own; dropping it kills that process.
struct Broker {
    process: Child,
    bootstrap: String,
}

impl Broker {
    fn start(arguments: &[&str]) -> Self {
        Self::spawn(command(arguments).args(["--port", "0"]).stderr(Stdio::null()))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let middle = line.strip_prefix("{\"ready\":true,\"bootstrap\":\"").unwrap();
        let (bootstrap, end) = middle.split_once('"').unwrap();
        assert_eq!(end, format!(",\"pid\":{}}}\n", process.id()));
        Self { bootstrap: bootstrap.to_owned(), process }
    }

    /// Runs a client verb against it, with `input` on standard input.
    fn client(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = command(arguments);
        command.env("KAFKA_BROKERS", &self.bootstrap).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = std::thread::spawn(move || {
            let _gone_if_refused = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// The same, when it has to succeed: what it printed.
    fn ok(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = self.client(arguments, input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}: {errors}", output.status);
        assert_eq!(errors, "");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, when it has to fail: exit code and what it complained about.
    fn fails(&self, arguments: &[&str], input: &[u8]) -> (i32, String) {
        let output = self.client(arguments, input);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    fn signal(&mut self, name: &str) -> i32 {
        // the shell's own kill: the program of that name is not on every machine
        let kill = format!("kill -s {name} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        self.process.wait().unwrap().code().unwrap()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _already_reaped = self.process.wait();
    }
}

#[test]
fn a_signal_stops_it_with_exit_code_0_and_its_data_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    for (signal, lines) in [("TERM", "one\n"), ("INT", "one\ntwo\n"), ("TERM", "one\ntwo\ntwo\n")] {
        let mut broker = Broker::start(&["serve", "--data", data, "--topic", "t"]);
        broker.ok(&["produce", "t"], if lines == "one\n" { b"one\n" } else { b"two\n" });
        assert_eq!(broker.ok(&["consume", "t"], b""), lines);
        assert_eq!(broker.signal(signal), 0);
    }
}

#[test]
fn serve_is_the_default_command() {
    let broker = Broker::start(&["--topic", "orders:3"]);
    let described = broker.ok(&["topic", "describe", "orders"], b"");
    assert_eq!(described.lines().count(), 4, "a line of names and three partitions: {described}");
}

#[test]
fn json_lines_of_consume_go_back_through_produce_unchanged() {
    let broker = Broker::start(&["serve", "--topic", "a", "--topic", "b"]);
    let lines = [
        r#"{"key":"k","value":"v","timestamp":1234567890123,"headers":[["x","1"],["a","2"],["x",null]]}"#,
        r#"{"key_b64":"/wA=","value_b64":"gP8K","timestamp":5,"headers":[["bin",{"b64":"/w=="}]]}"#,
        r#"{"key":"tombstone","value":null,"timestamp":6}"#,
        r#"{"value":"","timestamp":7}"#,
        r#"{"key":"","value":"line\nfeed \"quoted\"","timestamp":8}"#,
    ];
    broker.ok(&["produce", "a", "--format", "json"], lines.join("\n").as_bytes());
    let first = broker.ok(&["consume", "a", "--format", "json"], b"");
    assert_eq!(first.lines().count(), lines.len());
    assert_eq!(
        first.lines().next(),
        Some(
            "{\"topic\":\"a\",\"partition\":0,\"offset\":0,\"timestamp\":1234567890123,\
             \"key\":\"k\",\"value\":\"v\",\"headers\":[[\"x\",\"1\"],[\"a\",\"2\"],[\"x\",null]]}"
        )
    );
    broker.ok(&["produce", "b", "--format", "json"], first.as_bytes());
    let second = broker.ok(&["consume", "b", "--format", "json"], b"");
    assert_eq!(second, first.replace("\"topic\":\"a\"", "\"topic\":\"b\""));
}

#[test]
fn text_lines_carry_keys_and_headers_and_any_bytes() {
    let broker = Broker::start(&["serve", "--topic", "t"]);
    let produce = ["produce", "t", "-K", ":", "-H", "h=1", "-H", "h=2", "--acks", "1"];
    broker.ok(&produce, b"ann:2:apples\nbob:\n");
    let json = broker.ok(&["consume", "t", "-n", "1", "--format", "json"], b"");
    let end = "\"key\":\"ann\",\"value\":\"2:apples\",\"headers\":[[\"h\",\"1\"],[\"h\",\"2\"]]}\n";
    assert!(json.ends_with(end), "{json}");
    assert_eq!(broker.ok(&["consume", "t", "-K", "="], b""), "ann=2:apples\nbob=\n");
    assert_eq!(broker.ok(&["consume", "t", "--from", "1"], b""), "\n");
    broker.ok(&["produce", "t"], b"caf\xff\r\nno line feed");
    let output = broker.client(&["consume", "t", "--from", "2"], b"");
    assert_eq!(output.stdout, b"caf\xff\r\nno line feed\n");
}

#[test]
fn every_codec_and_every_acks_gets_through() {
    let broker = Broker::start(&["serve", "--topic", "t"]);
    let mut expected = String::new();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        for acks in ["0", "1", "all"] {
            let line = format!("{codec} {acks} {codec} {acks} {codec} {acks}\n").repeat(20);
            broker.ok(&["produce", "t", "-z", codec, "--acks", acks], line.as_bytes());
            expected.push_str(&line);
        }
    }
    assert_eq!(broker.ok(&["consume", "t"], b""), expected);
}

#[test]
fn topics_are_created_listed_described_and_deleted() {
    let broker = Broker::start(&["serve"]);
    broker.ok(&["topic", "create", "b", "--partitions", "2"], b"");
    broker.ok(&["topic", "create", "a", "--set", "segment.bytes=2097152"], b"");
    assert_eq!(broker.ok(&["topic", "list"], b""), "a\nb\n");
    let (code, errors) = broker.fails(&["topic", "create", "a"], b"");
    assert!(code == 1 && errors.contains("TOPIC_ALREADY_EXISTS"), "{code}: {errors}");
    broker.ok(&["topic", "delete", "a"], b"");
    assert_eq!(broker.ok(&["topic", "list"], b""), "b\n");
    for verb in [&["topic", "describe", "a"][..], &["topic", "delete", "a"], &["consume", "a"]] {
        let (code, errors) = broker.fails(verb, b"");
        let named = errors.contains("UNKNOWN_TOPIC_OR_PARTITION") && errors.contains('a');
        assert!(code == 1 && named, "{verb:?}: {code}: {errors}");
    }
}

#[test]
fn follow_waits_for_what_comes() {
    let broker = Broker::start(&["serve", "--topic", "t"]);
    broker.ok(&["produce", "t"], b"before\n");
    let mut command = command(&["consume", "t", "--follow"]);
    command.env("BOOTSTRAP_SERVERS", &broker.bootstrap);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "before");
    broker.ok(&["produce", "t"], b"after\n");
    assert_eq!(lines.next().unwrap().unwrap(), "after");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_reader_that_leaves_ends_consume_quietly() {
    let broker = Broker::start(&["serve", "--topic", "t"]);
    broker.ok(&["produce", "t"], "a line of some length\n".repeat(100_000).as_bytes());
    let mut command = command(&["consume", "t", "--bootstrap", &broker.bootstrap]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 7];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((&first, output.status.code(), &*output.stderr), (b"a line ", Some(0), &b""[..]));
}

#[test]
fn errors_say_what_and_where_with_exit_code_1() {
    let broker = Broker::start(&["serve", "--topic", "t"]);
    for (arguments, input, parts) in [
        (&["produce", "t", "-K", ":"][..], "a:1\nb\n", &["line 2", "key separator"][..]),
        (&["produce", "t", "--format", "json"], "{\"value\":\"v\"}\n{}\n", &["line 2", "value"]),
        (&["produce", "no/such"], "v\n", &["no/such", "INVALID_TOPIC"]),
        (&["topic", "create", "no/such"], "", &["no/such", "INVALID_TOPIC"]),
        (&["consume", "t", "--partition", "7"], "", &["t", "7"]),
        (&["topic", "list", "--bootstrap", "127.0.0.1:1"], "", &["127.0.0.1:1", "refuses"]),
    ] {
        let (code, errors) = broker.fails(arguments, input.as_bytes());
        let named = parts.iter().all(|part| errors.contains(part));
        assert!(code == 1 && named, "{arguments:?}: {code}: {errors}");
        assert!(errors.starts_with("broker-lite: ") && errors.lines().count() == 1, "{errors}");
    }
}

#[test]
fn an_offset_that_a_partition_does_not_have_is_the_nearest_it_has() {
    let broker = Broker::start(&["serve", "--topic", "t:3"]);
    let lines: [&[u8]; 4] = [b"a:1\n", b"a:2\n", b"a:3\n", b"b:1\n"];
    broker.ok(&["produce", "t", "-K", ":"], &lines.concat());
    let read = |from: &str| {
        let output = broker.client(&["consume", "t", "--from", from, "-K", ":"], b"");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{from}: {errors}");
        let mut lines: Vec<_> =
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        lines.sort_unstable();
        (lines, errors)
    };
    let all = ["a:1", "a:2", "a:3", "b:1"].map(str::to_owned);
    assert_eq!(read("0"), (all.to_vec(), String::new()));
    // two partitions end before 2, one of them is empty
    let (lines, errors) = read("2");
    assert!(lines == all[2..3] && errors.is_empty(), "{lines:?} {errors}");
    let (lines, errors) = read("5");
    assert!(lines.is_empty() && errors.contains("ends before 5"), "{lines:?} {errors}");
}

/// A broker that tells its clients to use `address`, and where it can be reached.
fn advertising(address: &str) -> (Broker, String) {
    let mut command = command(&["serve", "--port", "0", "-t", "t", "--advertised", address]);
    command.env("NO_COLOR", "1").stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let errors = BufReader::new(process.stderr.take().unwrap());
    let mut said = errors.lines().map(|line| line.unwrap());
    let found = said.find_map(|line| {
        line.split_once("listening on ").map(|(_, address)| address.trim().to_owned())
    });
    // whoever reads its log goes on doing so
    std::thread::spawn(move || said.count());
    (Broker { process, bootstrap: address.to_owned() }, found.unwrap())
}

#[test]
fn a_broker_on_any_port_says_which_whatever_it_advertises() {
    let (_broker, found) = advertising("proxy:9092");
    assert!(found.starts_with("127.0.0.1:") && std::net::TcpStream::connect(&found).is_ok());
}

#[test]
fn a_wrong_advertised_address_is_said_while_it_is_tried_again() {
    let (_broker, found) = advertising("127.0.0.1:1");
    for verb in [
        &["topic", "describe", "t"][..],
        &["topic", "create", "u"],
        &["consume", "t"],
        &["produce", "t"],
    ] {
        let mut command = command(verb);
        command.env("NO_COLOR", "1").env("KAFKA_BROKERS", &found).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"line\n").unwrap();
        let mut first = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut first).unwrap();
        let _gone = child.kill();
        child.wait().unwrap();
        let named = "told us to use 127.0.0.1:1 for broker";
        assert!(first.contains(named) && first.contains("advertised.listeners"), "{first}");
        assert!(!first.starts_with("broker-lite: "), "{verb:?} gave up: {first}");
    }
}

#[test]
fn wrong_usage_has_exit_code_2() {
    for arguments in [
        &["consume"][..],
        &["consume", "t", "--from", "middle"],
        &["produce", "t", "--compression", "rar"],
        &["produce", "t", "--acks", "2"],
        &["serve", "--topic", "t:0"],
        &["serve", "--data", "x", "--memory"],
        &["topic", "list", "--bootstrap", "no-port"],
        &["topic", "nonsense"],
        &["topic", "trim", "t"],
        &["topic", "trim", "t", "--before", "2026-01-31T12:00:00"],
        &["topic", "add-partitions", "t"],
        &["consume", "t", "--from", "-1w"],
        &["consume", "t", "--to", "9", "--follow"],
        &["config", "alter", "topic", "t"],
        &["config", "describe", "broker", "x"],
    ] {
        let output = command(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(!errors.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_port_in_use_is_named() {
    let broker = Broker::start(&["serve"]);
    let (_, port) = broker.bootstrap.rsplit_once(':').unwrap();
    let output = command(&["serve", "--port", port]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains(port) && errors.contains("in use"), "{errors}");
}
