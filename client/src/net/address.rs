//! `host:port`, as users write it and as brokers advertise it.

use core::fmt;

use ottla_protocol::Str;

/// Where a broker listens. `host` is a name or an address, without brackets.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct BrokerAddress {
    pub(crate) host: Str,
    pub(crate) port: u16,
}

/// Why a text is no address or no list of them.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("names no broker: expected host:port")]
    Empty,
    #[error("{0:?} has no port: expected host:port")]
    NoPort(String),
    #[error("{0:?} has no port between 1 and 65535 behind its last colon")]
    BadPort(String),
    #[error("{0:?} has no host before its port")]
    NoHost(String),
    #[error("{0:?} looks like an IPv6 address: write it in brackets, [::1]:9092")]
    BareIpv6(String),
    #[error("{0:?} has an opening bracket without its closing one, or none with a colon inside")]
    BadBrackets(String),
    #[error("{0:?} holds a scheme: expected host:port without {1:?}")]
    Scheme(String, String),
    #[error("{0:?} holds a space or a control character")]
    BadCharacter(String),
}

impl BrokerAddress {
    /// Reads `host:port` or `[address]:port`.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        let owned = || text.to_owned();
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(AddressError::BadCharacter(owned()));
        }
        if let Some(end) = text.find("://") {
            let scheme = text.get(..end + 3).unwrap_or_default();
            return Err(AddressError::Scheme(owned(), scheme.to_owned()));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let bad = || AddressError::BadBrackets(owned());
                let (host, port) = rest.split_once(']').ok_or_else(bad)?;
                if !host.contains(':') {
                    return Err(bad());
                }
                (host, port.strip_prefix(':').ok_or_else(|| AddressError::NoPort(owned()))?)
            }
            None => {
                let found = text.rsplit_once(':').ok_or_else(|| AddressError::NoPort(owned()))?;
                if found.0.contains(':') {
                    return Err(AddressError::BareIpv6(owned()));
                }
                found
            }
        };
        if host.is_empty() {
            return Err(AddressError::NoHost(owned()));
        }
        let digits = port.bytes().all(|b| b.is_ascii_digit());
        let port = port.parse::<u16>().ok().filter(|&p| p != 0 && digits);
        let port = port.ok_or_else(|| AddressError::BadPort(owned()))?;
        Ok(Self { host: Str::from(host), port })
    }

    /// Reads a list, `host:port,host:port`; empty entries are skipped, as Kafka does.
    pub(crate) fn parse_list(text: &str) -> Result<Vec<Self>, AddressError> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let list = entries.map(Self::parse).collect::<Result<Vec<_>, _>>()?;
        if list.is_empty() { Err(AddressError::Empty) } else { Ok(list) }
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_print_the_same() {
        for (rule, text, host, port) in [
            ("a name", "kafka:9092", "kafka", 9092),
            ("an IPv4 address", "127.0.0.1:1", "127.0.0.1", 1),
            ("an IPv6 address in brackets", "[::1]:65535", "::1", 65535),
            ("a zone", "[fe80::1%eth0]:9092", "fe80::1%eth0", 9092),
        ] {
            let address = BrokerAddress::parse(text).unwrap();
            assert_eq!((&*address.host, address.port), (host, port), "{rule}");
            assert_eq!(address.to_string(), text, "{rule}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        let own = str::to_owned;
        for (text, error) in [
            ("kafka", AddressError::NoPort(own("kafka"))),
            ("kafka:", AddressError::BadPort(own("kafka:"))),
            ("kafka:0", AddressError::BadPort(own("kafka:0"))),
            ("kafka:65536", AddressError::BadPort(own("kafka:65536"))),
            ("kafka:+92", AddressError::BadPort(own("kafka:+92"))),
            (":9092", AddressError::NoHost(own(":9092"))),
            ("::1:9092", AddressError::BareIpv6(own("::1:9092"))),
            ("[::1]9092", AddressError::NoPort(own("[::1]9092"))),
            ("[::1", AddressError::BadBrackets(own("[::1"))),
            ("[kafka]:9092", AddressError::BadBrackets(own("[kafka]:9092"))),
            ("a b:1", AddressError::BadCharacter(own("a b:1"))),
            (
                "PLAINTEXT://kafka:9092",
                AddressError::Scheme(own("PLAINTEXT://kafka:9092"), own("PLAINTEXT://")),
            ),
        ] {
            assert_eq!(BrokerAddress::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn lists_skip_empty_entries_and_need_one_broker() {
        let list = BrokerAddress::parse_list(" a:1, [::1]:2 ,,b:3,").unwrap();
        let texts: Vec<_> = list.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["a:1", "[::1]:2", "b:3"]);
        for empty in ["", " ", ",,"] {
            assert_eq!(BrokerAddress::parse_list(empty), Err(AddressError::Empty));
        }
    }
}
