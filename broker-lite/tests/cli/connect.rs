//! Properties of the client, by option and by file.

use super::{Broker, command};

const VERBS: [&[&str]; 10] = [
    &["topic", "list"],
    &["topic", "create", "u"],
    &["topic", "describe", "t"],
    &["topic", "add-partitions", "t", "--partitions", "2"],
    &["topic", "trim", "t", "--before", "end"],
    &["topic", "delete", "t"],
    &["config", "describe", "topic", "t"],
    &["config", "alter", "topic", "t", "--set", "retention.ms=1"],
    &["produce", "t"],
    &["consume", "t"],
];

#[test]
fn every_verb_takes_properties_and_names_the_nearest_of_a_wrong_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("client.properties");
    std::fs::write(&file, "# ours\nclient.id = me\nlinger.mss = 5\n").unwrap();
    let file = file.to_str().unwrap();
    for verb in VERBS {
        for (option, value, place) in [("-X", "linger.mss=5", ""), ("--config", file, ":3: ")] {
            let output = command(verb).args([option, value]).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            let named = errors.contains("did you mean linger.ms?") && errors.contains(place);
            assert_eq!(output.status.code(), Some(2), "{verb:?}: {errors}");
            assert!(named && output.stdout.is_empty(), "{verb:?}: {errors}");
        }
    }
}

#[test]
fn what_is_nearer_to_the_verb_counts() {
    let broker = Broker::start(&["serve", "--topic", "t"]);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("client.properties");
    let list = |broker: &Broker, options: &[&str]| {
        let text = format!("metadata.broker.list={}\n", broker.bootstrap);
        std::fs::write(&file, text).unwrap();
        let mut command = command(&["topic", "list"]);
        command.env("KAFKA_BROKERS", "127.0.0.1:1").args(["--config", file.to_str().unwrap()]);
        let output = command.args(options).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), errors)
    };
    assert_eq!(list(&broker, &[]), (0, String::new()), "the file, not the environment");
    let (code, errors) = list(&broker, &["-X", "bootstrap.servers=127.0.0.1:2"]);
    assert!(code == 1 && errors.contains("127.0.0.1:2"), "-X, not the file: {errors}");
    let right = ["-X", "bootstrap.servers=127.0.0.1:2", "--bootstrap", &broker.bootstrap];
    assert_eq!(list(&broker, &right), (0, String::new()), "the option, not -X");
}

#[test]
fn an_empty_variable_says_nothing() {
    let broker = Broker::start(&["serve", "--topic", "t"]);
    let mut command = command(&["topic", "list"]);
    command.env("KAFKA_BOOTSTRAP_SERVERS", "").env("KAFKA_BROKERS", " ");
    let output = command.env("BOOTSTRAP_SERVERS", &broker.bootstrap).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((&*output.stdout, &*errors), (&b"t\n"[..], ""));
}

#[test]
fn a_property_has_its_effect_and_an_option_of_the_verb_goes_before_it() {
    let broker = Broker::start(&["serve", "--topic", "t:2"]);
    let settings = ["-X", "partitioner=fnv1a", "-X", "compression.type=gzip"];
    broker.ok(&[&["produce", "t", "-K", ":"][..], &settings].concat(), b"kafka:1\n");
    // librdkafka's own test: 0x0d33c4e1 is odd
    assert_eq!(broker.ok(&["consume", "t", "-p", "1"], b""), "1\n");
    for options in [&["-X", "acks=0"][..], &["-X", "acks=0", "--acks", "all"]] {
        let idempotent = ["-X", "enable.idempotence=true"];
        let output = broker.client(&[&["produce", "t"], options, &idempotent].concat(), b"v\n");
        let refused = String::from_utf8(output.stderr).unwrap().contains("acks is \"0\": must be");
        let code = if options.len() == 2 { (Some(2), true) } else { (Some(0), false) };
        assert_eq!((output.status.code(), refused), code);
    }
}

#[test]
fn a_file_that_cannot_be_read_and_a_setting_in_its_place_are_told_apart() {
    for (file, part) in [
        ("/no/such/file", "/no/such/file: No such file"),
        ("segment.bytes=1", "a setting is given with --set"),
        ("/dev/zero", "/dev/zero"),
    ] {
        let output = command(&["topic", "create", "t", "--config", file]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && errors.contains(part), "{errors}");
    }
}

#[test]
fn no_secret_is_printed() {
    for property in ["sasl.password=hush", "ssl.keystore.key=hush", "ssl.keystore.kee=hush"] {
        let options = ["topic", "list", "-X", property, "-X", "security.protocol=SSL"];
        let output = command(&options).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && !errors.contains("hush"), "{errors}");
    }
}

#[test]
fn a_key_in_place_of_its_file_is_not_printed() {
    let key = "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n";
    let cut = "-----BEGIN PRIVATE KEY-----hush";
    for (property, value) in
        [("ssl.keystore.location", key), ("ssl.keystore.location", cut), ("ssl.key.location", key)]
    {
        let given = format!("{property}={value}");
        let chain = ["-X", "ssl.certificate.location=/no/such/file"];
        let mut command = command(&["topic", "list", "-X", "security.protocol=SSL", "-X", &given]);
        let command =
            if property == "ssl.key.location" { command.args(chain) } else { &mut command };
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && !errors.contains("hush"), "{errors}");
        assert!(property == "ssl.key.location" || errors.contains("ssl.keystore.key"), "{errors}");
    }
}
