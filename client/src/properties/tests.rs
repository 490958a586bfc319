//! The table against Kafka's tables, the builders' docs, and what users write.

use super::*;
use crate::client::{Client, ClientBuilder};
use crate::consumer::{Consumer, Isolation};
use crate::producer::{Partitioner, Producer};
use known::Known;

fn client() -> Client {
    Client::builder("a:1").seed(7).build().unwrap()
}

#[test]
fn every_property_is_kafkas_or_librdkafkas() {
    for setting in SETTINGS {
        for name in [setting.property].into_iter().chain(setting.aliases.to_vec()) {
            assert!(Known::find(name).is_some(), "{name}");
        }
    }
}

#[test]
fn the_method_of_every_property_names_it_in_its_docs() {
    let mut missing = Vec::new();
    for setting in SETTINGS.iter().filter(|s| !s.method.is_empty()) {
        let sources: &[&str] = match setting.apply {
            Apply::Client(_) | Apply::Tls(_) => {
                &[include_str!("../client.rs"), include_str!("../net/tls.rs")]
            }
            Apply::Producer(_) => &[include_str!("../producer/config.rs")],
            Apply::Consumer(_) => &[include_str!("../consumer/config.rs")],
            Apply::Only(_) => continue,
        };
        let function = format!("fn {}", setting.method);
        let documented = sources.iter().any(|source| {
            let end = source.match_indices(&function);
            end.into_iter().any(|(at, _)| {
                let above = &source[..at];
                let start = above.rfind("\n\n").unwrap_or_default();
                let names = [setting.property].into_iter().chain(setting.aliases.to_vec());
                names.into_iter().any(|name| above[start..].contains(&format!("`{name}")))
            })
        });
        if !documented {
            missing.push((setting.property, setting.method));
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test(start_paused = true)]
async fn every_default_of_others_is_taken_or_known_to_be_refused() {
    let client = client();
    let refused = [
        ("auto.commit.enable", "true"),
        ("bootstrap.servers", ""),
        ("bootstrap.servers", "[]"),
        ("bootstrap.servers", "(required)"),
        ("enable.auto.commit", "true"),
        ("enable.auto.offset.store", "true"),
        ("enable.metrics.push", "true"),
        ("max.in.flight", "1000000"),
        ("max.in.flight.requests.per.connection", "1000000"),
        ("metadata.broker.list", ""),
        ("ssl.keystore.type", "JKS"),
        ("ssl.truststore.type", "JKS"),
    ];
    let ours = |known: &Known| SETTINGS.iter().any(|s| s.is_called(known.name));
    let mut surprises = Vec::new();
    for known in Known::all().filter(ours) {
        let value = if known.default == "null" { "" } else { known.default };
        let profile = if known.role == "librdkafka" { "librdkafka" } else { "kafka" };
        let properties = [("bootstrap.servers", "a:1"), ("ottla.defaults", profile)];
        let properties: Properties = properties.into_iter().chain([(known.name, value)]).collect();
        let built = (|| -> Result<_, PropertiesError> {
            let _ = ClientBuilder::from_properties(&properties)?.build()?;
            Producer::from_properties(&client, &properties)?;
            Consumer::from_properties(&client, &properties)
        })();
        if built.is_err() != refused.contains(&(known.name, value)) {
            surprises.push((known.role, known.name, value, built.err()));
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_producer_that_ignores_keys_does_so_whatever_the_order() {
    let client = client();
    for (text, expected) in [
        ("partitioner.ignore.keys=true", Partitioner::Sticky),
        ("partitioner.ignore.keys=true\npartitioner.ignore.keys=false", Partitioner::Murmur2),
        ("partitioner.ignore.keys=true\npartitioner.class=", Partitioner::Sticky),
        (
            "partitioner.ignore.keys=true\npartitioner.class=RoundRobinPartitioner",
            Partitioner::RoundRobin,
        ),
    ] {
        let properties = Properties::parse("x", text).unwrap();
        let producer = client.producer().properties(&properties).unwrap();
        assert_eq!(format!("{:?}", producer.partitioner), format!("{expected:?}"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_said_with_its_place_and_what_to_do() {
    let client = client();
    for (text, error) in [
        (
            "a=1",
            "x:1: a is no property of Kafka's clients or librdkafka: check its spelling, or \
          leave it out",
        ),
        (
            "\nlinger.msec=1",
            "x:2: linger.msec is no property of Kafka's clients or librdkafka: \
          did you mean linger.ms?",
        ),
        (
            "group.id=g",
            "x:1: group.id is known but not supported: consumer groups are not there \
          yet; leave it out and assign partitions",
        ),
        (
            "linger.ms=soon",
            "x:1: linger.ms is \"soon\": must be a number of milliseconds, as in 5 \
          or 0.5",
        ),
        ("acks=2", "x:1: acks is \"2\": must be one of all, -1, 1, 0"),
        (
            "enable.auto.commit=true",
            "x:1: enable.auto.commit is \"true\": only false is \
          supported: consumer groups are not there yet; leave it out and assign partitions",
        ),
        (
            "ssl.key.password=hush",
            "x:1: ssl.key.password is known but not supported: no encrypted key is read; decrypt \
          it with openssl pkcs8, and leave this out",
        ),
        (
            "ssl.truststore.type=JKS",
            "x:1: ssl.truststore.type is \"JKS\": only PEM is supported: convert the key store to \
          PEM, with keytool -importkeystore and openssl pkcs12",
        ),
        (
            "max.in.flight=6",
            "x:1: max.in.flight is \"6\": must be at most 5 with idempotence: a broker recognizes no more retries",
        ),
        (
            "ottla.defaults=java",
            "x:1: ottla.defaults is \"java\": must be one of kafka, \
          librdkafka",
        ),
    ] {
        let properties = Properties::parse("x", text).unwrap();
        let refused = Producer::from_properties(&client, &properties).unwrap_err();
        assert_eq!(refused.to_string(), error);
    }
    let nowhere = Client::from_properties(&Properties::new()).unwrap_err();
    assert!(nowhere.to_string().starts_with("bootstrap.servers is missing"), "{nowhere}");
}

#[test]
fn every_property_of_others_is_supported_or_said_not_to_be() {
    let mut supported = 0;
    for Known { name, .. } in Known::all() {
        let properties = Properties::new().set("bootstrap.servers", "a:1").set(name, "");
        match ClientBuilder::from_properties(&properties) {
            Err(PropertiesError::Unsupported { property, advice, .. }) => {
                assert!(property == name && !advice.is_empty(), "{name}");
            }
            // an empty value may not be one that it can have
            Ok(_) | Err(PropertiesError::Value { .. }) => supported += 1,
            Err(error) => panic!("{name}: {error}"),
        }
    }
    assert!(supported > 60, "{supported}");
}

#[tokio::test(start_paused = true)]
async fn what_build_refuses_is_said_by_the_property_that_set_it() {
    let client = client();
    let parse = |text| Properties::parse("x", text).unwrap();
    let of_client = |text| Client::from_properties(&parse(text)).unwrap_err().to_string();
    for (text, error) in [
        (
            "bootstrap.servers=a",
            "x:1: bootstrap.servers is \"a\": \"a\" has no port: expected host:port",
        ),
        (
            "bootstrap.servers=a:1\nsocket.timeout.ms=0",
            "x:2: socket.timeout.ms is \"0\": must be between 1 ms and one year",
        ),
        (
            "bootstrap.servers=a:1\nreconnect.backoff.max.ms=10",
            "x:2: reconnect.backoff.max.ms is \"10\": the first wait, 50ms, must not exceed the \
             longest, 10ms",
        ),
    ] {
        assert_eq!(of_client(text), error);
    }
    for (text, error) in [
        ("\nqueue.buffering.max.kbytes=0", "x:2: queue.buffering.max.kbytes is \"0\": must be"),
        ("message.max.bytes=0", "x:1: message.max.bytes is \"0\": must be 1 to"),
        ("delivery.timeout.ms=5000", "x:1: delivery.timeout.ms is \"5000\": must be at least"),
        (
            "linger.ms=600\nmessage.timeout.ms=500",
            "x:2: message.timeout.ms is \"500\": must be at least linger plus request_timeout, 601ms",
        ),
    ] {
        let refused = client.producer().properties(&parse(text)).unwrap().build().unwrap_err();
        assert!(refused.to_string().starts_with(error), "{refused}");
    }
    let consumer = client.consumer().properties(&parse("queued.max.messages.kbytes=0")).unwrap();
    let refused = consumer.build().unwrap_err().to_string();
    assert!(refused.starts_with("x:1: queued.max.messages.kbytes is \"0\": must be"), "{refused}");

    let changed = client.producer().properties(&parse("max.in.flight=6")).unwrap();
    let refused = changed.clone().max_in_flight(7).build().unwrap_err().to_string();
    assert!(refused.starts_with("max_in_flight (Kafka: "), "the file is not to blame: {refused}");
    assert!(changed.max_in_flight(5).build().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_record_may_wait_as_long_as_javas_or_librdkafkas_producer_lets_it() {
    const YEAR: u64 = 365 * 86_400_000;
    let client = client();
    for (text, delivery, request) in [
        ("", 120_000, 30_000),
        ("request.timeout.ms=150000", 150_000, 150_000),
        ("linger.ms=200000", 230_000, 30_000),
        ("delivery.timeout.ms=30000", 30_000, 30_000),
        ("message.timeout.ms=5000", 5_000, 5_000),
        ("message.timeout.ms=5000\nlinger.ms=100\nrequest.timeout.ms=6000", 5_000, 4_900),
        ("message.timeout.ms=300000", 300_000, 30_000),
        ("message.timeout.ms=0", YEAR, 30_000),
        ("message.timeout.ms=5000\ndelivery.timeout.ms=60000", 60_000, 30_000),
        ("ottla.defaults=librdkafka\ndelivery.timeout.ms=5000", 5_000, 5_000),
        ("ottla.defaults=librdkafka\ndelivery.timeout.ms=0", YEAR, 30_000),
    ] {
        let properties = Properties::parse("x", text).unwrap();
        let producer = client.producer().properties(&properties).unwrap().checked().unwrap();
        let millis = |timeout: core::time::Duration| u64::try_from(timeout.as_millis()).unwrap();
        let timeouts =
            (millis(producer.settings.delivery_timeout), millis(producer.request_timeout));
        assert_eq!(timeouts, (delivery, request), "{text}");
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn what_is_wrong_with_tls_is_said_by_the_property_that_set_it() {
    for (text, error) in [
        (
            "ssl.ca.location=/no/ca.pem",
            "x:2: ssl.ca.location is \"/no/ca.pem\": must be a file that can be read: No such file \
             or directory (os error 2)",
        ),
        (
            "ssl.truststore.type=PEM\nssl.truststore.location=/dev/null",
            "x:3: ssl.truststore.location is \"/dev/null\": must hold a certificate in PEM: BEGIN \
             CERTIFICATE",
        ),
        (
            "ssl.ca.pem=hush",
            "x:2: ssl.ca.pem is 4 bytes: must hold a certificate in PEM: BEGIN CERTIFICATE",
        ),
        (
            "ssl.ca.pem=hush\nssl.ca.location=/no/ca.pem",
            "x:3: ssl.ca.location is \"/no/ca.pem\": must not be given beside \
             ssl.truststore.certificates",
        ),
        (
            "ssl.certificate.location=/no/me.pem",
            "ssl.key.location is missing: a certificate and its key go together",
        ),
        (
            "ssl.keystore.location=/no/me.pem",
            "x:2: ssl.keystore.location is \"/no/me.pem\": must be a file that can be read: No such \
             file or directory (os error 2)",
        ),
    ] {
        let text = format!("bootstrap.servers=a:1\n{text}\nsecurity.protocol=SSL");
        let refused = Client::from_properties(&Properties::parse("x", &text).unwrap()).unwrap_err();
        assert_eq!(refused.to_string(), error);
    }
}

#[tokio::test(start_paused = true)]
async fn a_profile_changes_three_defaults_and_yields_to_what_is_set() {
    let client = client();
    let producer = |properties: &Properties| {
        let builder = client.producer().properties(properties).unwrap();
        (format!("{:?}", builder.partitioner), builder.idempotence)
    };
    let isolation = |properties: &Properties| {
        client.consumer().properties(properties).unwrap().config.isolation
    };
    let kafka = Properties::new();
    assert_eq!(producer(&kafka), ("Murmur2".to_owned(), None));
    assert_eq!(isolation(&kafka), Isolation::ReadUncommitted);
    let theirs = Properties::new().set("ottla.defaults", "librdkafka");
    assert_eq!(producer(&theirs), ("Crc32Random".to_owned(), Some(false)));
    assert_eq!(isolation(&theirs), Isolation::ReadCommitted);
    assert_eq!(producer(&theirs.clone().defaults(Defaults::Kafka)), producer(&kafka));
    let file = || Properties::parse("x", "ottla.defaults=librdkafka").unwrap();
    let later = Properties::new().defaults(Defaults::Kafka).and(file());
    assert_eq!(producer(&later), producer(&theirs), "what comes later counts");
    assert_eq!(producer(&file().defaults(Defaults::Kafka)), producer(&kafka));
    let own = theirs.set("partitioner", "murmur2_random").set("enable.idempotence", "true");
    assert_eq!(producer(&own), ("Murmur2".to_owned(), Some(true)));
}

#[tokio::test(start_paused = true)]
async fn the_last_of_several_names_counts_and_each_handle_takes_its_own() {
    let client = client();
    let text = "bootstrap.servers=a:1\nmetadata.broker.list=b:2\nlinger.ms=5\n\
                queue.buffering.max.ms=0.5\nfetch.wait.max.ms=7\nclient.id=me\n\
                max.request.size=1000\nsocket.timeout.ms=8\n";
    let properties = Properties::parse("x", text).unwrap();
    let built = Client::from_properties(&properties).unwrap();
    assert_eq!(format!("{built:?} {}", built.client_id()), "Client(b:2) me");
    assert_eq!(built.cluster().config().request_timeout.as_millis(), 8);
    let producer = client.producer().properties(&properties).unwrap();
    assert!(producer.build().is_ok(), "a small request makes small batches");
    let consumer = client.consumer().properties(&properties).unwrap();
    assert_eq!(consumer.config.fetch_max_wait.as_millis(), 7);
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_key_where_its_path_should_be_is_not_shown() {
    let key = "-----BEGIN PRIVATE KEY-----\nhush\n";
    let properties =
        Properties::new().set("bootstrap.servers", "a:1").set("security.protocol", "SSL");
    let given = properties.set("ssl.keystore.location", key);
    assert!(!format!("{given:?}").contains("hush"));
    let refused = Client::from_properties(&given).unwrap_err().to_string();
    let said = "ssl.keystore.location is not shown: must be the path of a file: PEM text goes into \
                ssl.keystore.certificate.chain and ssl.keystore.key";
    assert_eq!(refused, said);
    let twice = given.set("ssl.key.location", key);
    let refused = Client::from_properties(&twice).unwrap_err().to_string();
    assert!(
        refused.starts_with("ssl.key.location is not shown: must not be given beside"),
        "{refused}"
    );
    let tls = crate::TlsConfig::new().client_certificate_files("-----BEGIN CERT", "key\nhush");
    let refused = Client::builder("a:1").tls(tls).build().unwrap_err().to_string();
    assert!(!refused.contains("CERT") && !refused.contains("hush"), "{refused}");
}

#[test]
fn secrets_are_shown_nowhere() {
    let all = Properties::new().set("ssl.keystore.key", "hush").set("sasl.pasword", "hush");
    assert!(!format!("{all:?}").contains("hush"));
    let error = ClientBuilder::from_properties(&all.set("sasl.jaas.config", "hush")).unwrap_err();
    assert!(!error.to_string().contains("hush"), "{error}");
}
