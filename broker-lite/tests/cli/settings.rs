//! Settings of topics and brokers.

use super::Broker;

#[test]
fn settings_of_a_topic_are_set_shown_and_taken_back() {
    let broker = Broker::start(&["serve", "--topic", "t"]);
    let describe = ["config", "describe", "topic", "t"];
    assert_eq!(broker.ok(&describe, b""), "", "nothing was set");
    let alter = ["config", "alter", "topic", "t"];
    let set = ["--set", "max.message.bytes=20000", "--set", "cleanup.policy=compact"];
    broker.ok(&[&alter[..], &set, &["--dry-run"]].concat(), b"");
    assert_eq!(broker.ok(&describe, b""), "", "it was only checked");
    broker.ok(&[&alter[..], &set].concat(), b"");
    let shown = "NAME               VALUE    SOURCE                READ_ONLY  VALUE_TYPE\n\
                 cleanup.policy     compact  DYNAMIC_TOPIC_CONFIG  false      LIST\n\
                 max.message.bytes  20000    DYNAMIC_TOPIC_CONFIG  false      INT\n";
    assert_eq!(broker.ok(&describe, b""), shown);
    let list = ["--append", "cleanup.policy=delete", "--delete", "max.message.bytes"];
    let told = broker.ok(&[&alter[..], &list, &["-o", "json"]].concat(), b"");
    assert_eq!(told, "{\"type\":\"topic\",\"of\":\"t\",\"dry_run\":false}\n");
    let json = "{\"type\":\"topic\",\"of\":\"t\",\"name\":\"cleanup.policy\",\
                \"value\":\"compact,delete\",\"source\":\"DYNAMIC_TOPIC_CONFIG\",\
                \"read_only\":false,\"sensitive\":false,\"value_type\":\"LIST\",\
                \"documentation\":\"This broker acts on it.\"}\n";
    assert_eq!(broker.ok(&[&describe[..], &["-o", "json"]].concat(), b""), json);
    broker.ok(&[&alter[..], &["--subtract", "cleanup.policy=compact"]].concat(), b"");
    let all = broker.ok(&[&describe[..], &["--all"]].concat(), b"");
    let is_there =
        |words: [&str; 3]| all.lines().any(|line| line.split_whitespace().take(3).eq(words));
    assert!(is_there(["cleanup.policy", "delete", "DYNAMIC_TOPIC_CONFIG"]), "{all}");
    assert!(is_there(["max.message.bytes", "1048588", "DEFAULT_CONFIG"]), "{all}");
}

#[test]
fn settings_of_a_broker_and_of_all_brokers_are_shown_by_where_they_were_set() {
    let broker = Broker::start(&["serve", "--override", "num.partitions=4"]);
    let all = ["config", "alter", "broker", "default", "--set", "message.max.bytes=30000"];
    broker.ok(&all, b"");
    let shown = broker.ok(&["config", "describe", "broker", "1"], b"");
    let is_there = |name: &str, value: &str, source: &str| {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        shown.lines().any(|line| words(line)[..3] == [name, value, source])
    };
    assert!(is_there("num.partitions", "4", "STATIC_BROKER_CONFIG"), "{shown}");
    let source = "DYNAMIC_DEFAULT_BROKER_CONFIG";
    assert!(is_there("message.max.bytes", "30000", source), "{shown}");
    let default = broker.ok(&["config", "describe", "broker", "default"], b"");
    assert!(default.lines().count() == 2 && default.contains("message.max.bytes"), "{default}");
    // what the command line says instead of settings
    let address = format!("PLAINTEXT://{}", broker.bootstrap);
    for (name, value) in [("listeners", &*address), ("broker.id", "1"), ("node.id", "1")] {
        let all = broker.ok(&["config", "describe", "broker", "1", "--all", "-o", "json"], b"");
        let start = format!("\"name\":\"{name}\",\"value\":\"{value}\",");
        assert!(all.contains(&start), "{start}: {all}");
    }
}

#[test]
fn what_cannot_be_set_or_is_not_there_is_refused_by_kafkas_name() {
    let broker = Broker::start(&["serve", "--topic", "t"]);
    for (arguments, parts) in [
        (
            &["alter", "topic", "t", "--set", "max.message.bytes=many"][..],
            ["INVALID_CONFIG", "many"],
        ),
        (&["alter", "topic", "t", "--set", "no.such=1"], ["INVALID_CONFIG", "no.such"]),
        (&["alter", "topic", "t", "--delete", "no.such"], ["altering topic t", "no.such"]),
        (&["alter", "topic", "t", "--delete", "retention.ms"], ["not set there", "retention.ms"]),
        (&["alter", "broker", "1", "--delete", "node.id"], ["altering broker 1", "node.id"]),
        (&["alter", "topic", "no", "--delete", "a"], ["altering topic no", "UNKNOWN_TOPIC"]),
        (&["describe", "broker", "7"], ["describing broker 7", "broker 7 is unknown"]),
        (&["alter", "broker", "7", "--set", "a=1"], ["altering broker 7", "broker 7 is unknown"]),
        (&["describe", "topic", "no"], ["describing topic no", "UNKNOWN_TOPIC_OR_PARTITION"]),
    ] {
        let (code, errors) = broker.fails(&[&["config"][..], arguments].concat(), b"");
        assert!(code == 1 && parts.iter().all(|part| errors.contains(part)), "{errors}");
    }
}
