//! Every property that Kafka's clients and librdkafka have, whether this client has it or not.

use super::table::SETTINGS;

/// Comments and rows: role, name, type, default.
const TABLE: &str = include_str!("known-settings.tsv");

/// A property that somebody's client has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Known {
    pub(super) role: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) default: &'static str,
}

impl Known {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let mut words = line.split('\t');
            let [role, name, kind, default] = core::array::from_fn(|_| words.next());
            Some(Self { role: role?, name: name?, kind: kind?, default: default? })
        })
    }

    pub(super) fn find(name: &str) -> Option<Self> {
        Self::all().find(|known| known.name == name)
    }
}

/// Whether errors must not show the value of this property.
pub(super) fn is_secret(name: &str) -> bool {
    let secret = ["password", "secret", "passphrase", "jaas", ".key", ".pem", "token"];
    Known::find(name).is_some_and(|known| known.kind == "PASSWORD")
        || secret.iter().any(|word| name.contains(word))
}

/// The known name nearest to `name`, if it is near enough to be what was meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let ours = SETTINGS.iter().flat_map(|s| [s.property].into_iter().chain(s.aliases.to_vec()));
    let all = ours.chain(Known::all().map(|known| known.name));
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '-'], ".");
    let wanted = plain(name);
    let limit = (name.len() / 4).clamp(1, 5);
    let (distance, found) = all.map(|known| (distance(&wanted, &plain(known)), known)).min()?;
    (distance <= limit).then_some(found)
}

/// How many characters have to be added, taken away or changed.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().zip(core::iter::once(None).chain(b.bytes().map(Some))) {
            let Some(y) = y else {
                *cell = i + 1;
                continue;
            };
            let changed = diagonal + usize::from(x != y);
            diagonal = *cell;
            *cell = changed.min(*cell + 1).min(left + 1);
            left = *cell;
        }
    }
    row.pop().unwrap_or_default()
}

/// What to do instead of setting a property that this client does not have.
pub(super) fn advice(name: &str) -> &'static str {
    const GROUPS: [&str; 11] = [
        "group.",
        "session.timeout",
        "heartbeat.",
        "auto.commit",
        "enable.auto.",
        "max.poll.",
        "partition.assignment",
        "share.",
        "offset.store",
        "coordinator.",
        "exclude.internal",
    ];
    let starts = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    if starts(&GROUPS) {
        "consumer groups are not there yet; leave it out and assign partitions"
    } else if starts(&["transaction"]) {
        "transactions are not there yet; leave it out"
    } else if starts(&["sasl.", "enable.sasl"]) {
        "SASL is not there yet; use security.protocol PLAINTEXT or SSL"
    } else if name.ends_with("serializer") {
        "records carry bytes; leave it out and encode them in the program"
    } else if name == "ssl.key.password" {
        "no encrypted key is read; decrypt it with openssl pkcs8, and leave this out"
    } else if name.starts_with("ssl.") && name.ends_with(".password") {
        "PEM files have no password; leave it out"
    } else if name.starts_with("ssl.") && name.ends_with("store.type") {
        "convert the key store to PEM, with keytool -importkeystore and openssl pkcs12"
    } else if name.starts_with("sticky.partitioning") {
        "partitions change with the batches, not by time; leave it out"
    } else if name.starts_with("ssl.") {
        "leave it out, or give TlsConfig::from_rustls to ClientBuilder::tls"
    } else {
        "leave it out"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near_or_none() {
        for (name, expected) in [
            ("linger.mss", Some("linger.ms")),
            ("bootstrap_servers", Some("bootstrap.servers")),
            ("bootstrap.server", Some("bootstrap.servers")),
            ("ENABLE.IDEMPOTENCE", Some("enable.idempotence")),
            ("fetch.max.wait", Some("fetch.max.wait.ms")),
            ("colour", None),
        ] {
            assert_eq!(nearest(name), expected, "{name}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(distance("ab", ""), 2);
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        for name in ["sasl.jaas.config", "ssl.keystore.key", "ssl.key.pem", "sasl.password"] {
            assert!(is_secret(name), "{name}");
        }
        assert!(!is_secret("linger.ms"));
    }
}
