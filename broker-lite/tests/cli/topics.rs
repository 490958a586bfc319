//! Topics: what they hold, more partitions, fewer records.

use broker_lite::{Action, Cluster, Fault};
use ottla_protocol::{ApiKey, ErrorCode};

use super::{Broker, command};

#[test]
fn describe_shows_where_partitions_are_what_they_hold_and_which_holds_most() {
    let broker = Broker::start(&["serve", "--topic", "t:3"]);
    broker.ok(&["produce", "t", "-p", "0"], b"1\n2\n3\n");
    broker.ok(&["produce", "t", "-p", "2"], b"4\n");
    let text = broker.ok(&["topic", "describe", "t"], b"");
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<_> = text.lines().map(words).collect();
    let names = "TOPIC PARTITION LEADER EPOCH REPLICAS ISR START END RECORDS SHARE SIZE";
    assert_eq!(lines[0], words(names));
    assert_eq!(lines[1][..10], words("t 0 1 0 1 1 0 3 3 75.0%")[..], "{text}");
    assert_eq!(lines[2][..], words("t 1 1 0 1 1 0 0 0 0.0% 0 B")[..], "{text}");
    assert_eq!(lines[3][..10], words("t 2 1 0 1 1 0 1 1 25.0%")[..], "{text}");
    assert!(text.lines().all(|line| line.len() == text.lines().next().unwrap().len()), "{text}");
    let json = broker.ok(&["topic", "describe", "t", "--format", "json"], b"");
    let start = "{\"topic\":\"t\",\"partition\":0,\"leader\":1,\"leader_epoch\":0,\"replicas\":[1],\
                 \"isr\":[1],\"offline\":[],\"start_offset\":0,\
                 \"end_offset\":3,\"records\":3,\"records_share\":0.75,\
                 \"size_bytes\":";
    assert!(json.starts_with(start) && json.lines().count() == 3, "{json}");
    let (code, errors) = {
        let output = broker.client(&["topic", "describe", "no", "t"], b"");
        assert_eq!(String::from_utf8_lossy(&output.stdout), text, "the others are shown");
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(code == Some(1) && errors.contains("no: UNKNOWN_TOPIC_OR_PARTITION"), "{errors}");
}

#[test]
fn what_a_leader_does_not_say_hides_nothing_else() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let started = async {
        let cluster = Cluster::builder().memory().topic("bad", 1).topic("good", 1).topic("mute", 1);
        cluster.start().await.unwrap()
    };
    let cluster = runtime.block_on(started);
    for (topic, code) in [
        ("bad", ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        ("mute", ErrorCode::LEADER_NOT_AVAILABLE), // asked again until the time is up
    ] {
        let fault = Fault::on(ApiKey::LIST_OFFSETS).topic(topic);
        cluster.faults().add(fault.then(Action::Error(code)));
    }
    let log_dirs = Fault::on(ApiKey::DESCRIBE_LOG_DIRS);
    cluster.faults().add(log_dirs.then(Action::Error(ErrorCode::CLUSTER_AUTHORIZATION_FAILED)));
    let mut describe = command(&["topic", "describe", "bad", "good", "mute"]);
    describe.args(["--bootstrap", &cluster.bootstrap(), "-X", "default.api.timeout.ms=500"]);
    let output = describe.output().unwrap();
    let (text, errors) = (String::from_utf8(output.stdout).unwrap(), output.stderr);
    let errors = String::from_utf8(errors).unwrap();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<_> = text.lines().skip(1).map(words).collect();
    let expected =
        ["bad 0 1 0 1 1 - - - - -", "good 0 1 0 1 1 0 0 0 - -", "mute 0 1 0 1 1 - - - - -"];
    assert_eq!(lines, expected.map(words), "{text}{errors}");
    for part in
        ["offsets are not known: bad-0: TOPIC_AUTH", "mute-0", "sizes on disk are not known"]
    {
        assert!(errors.contains(part), "{part}: {errors}");
    }
    assert_eq!(output.status.code(), Some(0), "what is not known is said to be: {errors}");
}

#[test]
fn a_broker_that_says_nothing_is_given_up_and_the_rest_is_shown() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let cluster = runtime.block_on(Cluster::builder().memory().topic("t", 1).start()).unwrap();
    let describe = |properties: &[&str]| {
        let mut describe = command(&["topic", "describe", "t", "--bootstrap"]);
        describe.arg(cluster.bootstrap());
        describe.args(properties.iter().flat_map(|property| ["-X", property]));
        let output = describe.output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{errors}");
        let text = String::from_utf8(output.stdout).unwrap();
        let row = text.lines().nth(1).unwrap().split_whitespace();
        (row.map(str::to_owned).collect::<Vec<_>>().join(" "), errors)
    };
    // one silence is not the end: who is asked next may answer
    let pages = Fault::on(ApiKey::DESCRIBE_TOPIC_PARTITIONS).times(1).then(Action::Silence);
    cluster.faults().add(pages);
    let (row, errors) = describe(&["default.api.timeout.ms=20000"]);
    assert!(row.starts_with("t 0 1 0 1 1 0 0 0 - 0"), "{row}: {errors}");
    for api in [ApiKey::LIST_OFFSETS, ApiKey::DESCRIBE_LOG_DIRS] {
        cluster.faults().add(Fault::on(api).then(Action::Silence));
    }
    let (row, errors) = describe(&["request.timeout.ms=200", "default.api.timeout.ms=1000"]);
    assert_eq!(row, "t 0 1 0 1 1 - - - - -", "{errors}");
    for part in ["offsets are not known: t-0: gave up", "not known: broker 1: gave up"] {
        assert!(errors.contains(part), "{part}: {errors}");
    }
}

#[test]
fn partitions_are_added_up_to_a_total() {
    let broker = Broker::start(&["serve", "--topic", "t:2"]);
    let count = || broker.ok(&["topic", "describe", "t"], b"").lines().count() - 1;
    broker.ok(&["topic", "add-partitions", "t", "--partitions", "5", "--dry-run"], b"");
    assert_eq!(count(), 2);
    let json = ["topic", "add-partitions", "t", "-p", "5", "--format", "json"];
    let told = broker.ok(&json, b"");
    assert_eq!(told, "{\"topic\":\"t\",\"partitions\":5,\"dry_run\":false}\n");
    assert_eq!(count(), 5);
    let (code, errors) = broker.fails(&["topic", "add-partitions", "t", "-p", "3"], b"");
    assert!(code == 1 && errors.contains("INVALID_PARTITIONS"), "{errors}");
}

#[test]
fn trim_deletes_what_lies_before_an_offset_a_time_or_the_last_few() {
    let broker = Broker::start(&["serve", "--topic", "t:2"]);
    let record = |value: u32| format!("{{\"value\":\"{value}\",\"timestamp\":{}}}\n", value * 1000);
    for partition in ["0", "1"] {
        let lines: String = (0..5).map(record).collect();
        let produce = ["produce", "t", "--format", "json", "-p", partition];
        broker.ok(&produce, lines.as_bytes());
    }
    let left = |partition| broker.ok(&["consume", "t", "-p", partition], b"").replace('\n', " ");
    let (code, errors) = broker.fails(&["topic", "trim", "t", "--before", "2"], b"");
    assert!(code == 2 && errors.contains("name one with --partition"), "{errors}");
    let one = ["topic", "trim", "t", "--before", "2", "--partition", "0"];
    let dry = broker.ok(&[&one[..], &["--dry-run", "--format", "json"]].concat(), b"");
    let done = "{\"topic\":\"t\",\"partition\":0,\"start_offset_before\":0,\"start_offset\":2,\
                \"deleted\":2,\"dry_run\":true}\n";
    assert_eq!((&*dry, &*left("0")), (done, "0 1 2 3 4 "));
    let text = broker.ok(&one, b"");
    let table = "TOPIC  PARTITION  START_BEFORE  START  DELETED\n\
                 t              0             0      2        2\n";
    assert_eq!((&*text, &*left("0"), &*left("1")), (table, "2 3 4 ", "0 1 2 3 4 "));
    broker.ok(&["topic", "trim", "t", "--before", "1970-01-01T00:00:01Z"], b"");
    assert_eq!((&*left("0"), &*left("1")), ("2 3 4 ", "1 2 3 4 "), "nothing comes back");
    broker.ok(&["topic", "trim", "t", "--before", "-2"], b"");
    assert_eq!((&*left("0"), &*left("1")), ("3 4 ", "3 4 "));
    broker.ok(&["topic", "trim", "t", "--before", "-1h", "-p", "1"], b"");
    assert_eq!((&*left("0"), &*left("1")), ("3 4 ", ""), "all are older than an hour");
    let beyond = ["topic", "trim", "t", "--before", "9", "-p", "0"];
    for options in [&[][..], &["--dry-run"]] {
        let (code, errors) = broker.fails(&[&beyond, options].concat(), b"");
        let named = errors.contains("deleting records: t-0: OFFSET_OUT_OF_RANGE (1): ");
        assert!(code == 1 && named, "{options:?}: {errors}");
    }
    broker.ok(&["topic", "trim", "t", "--before", "end"], b"");
    assert_eq!(left("0"), "");
    let compact = ["topic", "create", "kept", "-p", "1", "--set", "cleanup.policy=compact"];
    broker.ok(&compact, b"");
    for options in [&[][..], &["--dry-run"]] {
        let trim = ["topic", "trim", "kept", "--before", "end"];
        let (code, errors) = broker.fails(&[&trim, options].concat(), b"");
        let named = errors.contains("deleting records: kept-0: POLICY_VIOLATION (44): ");
        assert!(code == 1 && named, "{options:?}: {errors}");
    }
}

#[test]
fn programs_are_told_what_was_made_and_deleted() {
    let broker = Broker::start(&["serve"]);
    let made = broker.ok(&["topic", "create", "a", "-p", "2", "-o", "json"], b"");
    assert!(made.starts_with("{\"topic\":\"a\",\"id\":\""), "{made}");
    let end = "\"partitions\":2,\"replication_factor\":1,\"dry_run\":false}\n";
    assert!(made.ends_with(end), "{made}");
    let listed = broker.ok(&["topic", "list", "-o", "json"], b"");
    assert!(listed.ends_with("\"partitions\":2,\"internal\":false}\n"), "{listed}");
    broker.ok(&["topic", "create", "b", "--dry-run"], b"");
    assert_eq!(broker.ok(&["topic", "list"], b""), "a\n");
    let deleted = broker.client(&["topic", "delete", "a", "b", "-o", "json"], b"");
    assert_eq!(String::from_utf8_lossy(&deleted.stdout), "{\"topic\":\"a\",\"deleted\":true}\n");
    assert_eq!(deleted.status.code(), Some(1), "b was not there");
}
