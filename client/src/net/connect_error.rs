//! Why no connection could be opened, in words that say what to change.

use core::fmt;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use ottla_protocol::Str;
use ottla_protocol::ids::NodeId;

use super::address::BrokerAddress;
#[cfg(feature = "tls")]
use super::tls_fault::TlsFault;

/// Why no connection to a broker could be opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConnectError {
    /// The list the client was built with (Kafka: `bootstrap.servers`).
    pub(crate) bootstrap: Str,
    /// Where we tried to connect.
    pub(crate) address: BrokerAddress,
    /// Who listens there according to the cluster; `None` for an entry of the bootstrap list.
    pub(crate) node: Option<NodeId>,
    /// What went wrong.
    pub(crate) cause: ConnectCause,
}

/// What went wrong while a connection was opened.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectCause {
    /// The host's name is known to no resolver.
    Unresolved,
    /// Nobody listens there.
    Refused,
    /// Nothing answered within the setup timeout
    /// (Kafka: `socket.connection.setup.timeout.ms`).
    TimedOut(Duration),
    /// The transport failed in another way; its message.
    Io(String),
    /// The peer closed the connection when it was asked for its API versions.
    ClosedInHandshake,
    /// The peer answered with a TLS record.
    SpeaksTls,
    /// The peer and the client did not come to speak TLS.
    #[cfg(feature = "tls")]
    Tls(TlsFault),
    /// The peer answered with HTTP.
    SpeaksHttp,
    /// The peer answered with what no Kafka broker sends; what that was.
    Misbehaved(String),
    /// The broker refused to tell its API versions; its error.
    Refuses(String),
}

impl ConnectError {
    /// The list the client was built with (Kafka: `bootstrap.servers`).
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Where we tried to connect, as `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The address as the cluster gave it (Kafka: `advertised.listeners`), `None` if the address
    /// is one of the bootstrap list.
    #[must_use]
    pub fn advertised(&self) -> Option<String> {
        self.node.map(|_| self.address())
    }

    /// What went wrong.
    #[must_use]
    pub const fn cause(&self) -> &ConnectCause {
        &self.cause
    }

    /// Whether trying again may succeed with no change by the user.
    #[must_use]
    pub const fn is_retriable(&self) -> bool {
        match &self.cause {
            ConnectCause::SpeaksTls | ConnectCause::SpeaksHttp => false,
            #[cfg(feature = "tls")]
            ConnectCause::Tls(fault) => fault.is_retriable(),
            _ => true,
        }
    }
}

impl ConnectCause {
    /// Tells the common failures of a transport apart.
    pub(crate) fn of_io(error: &io::Error) -> Self {
        #[cfg(feature = "tls")]
        if let Some(fault) = TlsFault::of_io(error) {
            return Self::Tls(fault);
        }
        let text = error.to_string();
        // the resolver's failures have no kind of their own
        let unresolved = ["failed to lookup address", "No such host is known", "not resolve"];
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            _ if unresolved.iter().any(|part| text.contains(part)) => Self::Unresolved,
            _ => Self::Io(text),
        }
    }

    /// What ended a connection on which the peer had not yet said what it speaks.
    pub(crate) fn in_handshake(error: &io::Error) -> Self {
        match Self::of_io(error) {
            // TLS 1.3 refuses a client's certificate only now
            #[cfg(feature = "tls")]
            refused @ Self::Tls(_) => refused,
            _ => Self::ClosedInHandshake,
        }
    }
}

impl core::error::Error for ConnectError {}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            Some(node) => write!(
                f,
                "bootstrap {} told us to use {} for broker {node}, ",
                self.bootstrap, self.address
            )?,
            None => write!(f, "cannot connect to bootstrap {}: it ", self.address)?,
        }
        self.describe_cause(f)?;
        let misled = matches!(
            self.cause,
            ConnectCause::Unresolved | ConnectCause::Refused | ConnectCause::TimedOut(_)
        );
        if misled && self.node.is_some() {
            f.write_str(": check the broker's advertised.listeners")?;
        }
        Ok(())
    }
}

impl ConnectError {
    fn describe_cause(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // with a node the sentence goes on with "which", else with "it"
        let who = if self.node.is_some() { "which " } else { "" };
        match &self.cause {
            ConnectCause::Unresolved => write!(f, "{who}does not resolve"),
            ConnectCause::Refused => write!(f, "{who}refuses connections"),
            ConnectCause::TimedOut(wait) => write!(f, "{who}did not answer within {wait:?}"),
            ConnectCause::Io(text) => write!(f, "{who}cannot be reached: {text}"),
            ConnectCause::ClosedInHandshake => write!(
                f,
                "{who}closed the connection when asked for its API versions: it may expect TLS or \
                 SASL, or be no Kafka listener"
            ),
            ConnectCause::SpeaksTls => write!(
                f,
                "{who}answers in TLS: this client was told to speak plain text, use the broker's \
                 plain-text port or ClientBuilder::tls"
            ),
            #[cfg(feature = "tls")]
            ConnectCause::Tls(fault) => write!(f, "{who}{fault}"),
            ConnectCause::SpeaksHttp => {
                write!(f, "{who}answers in HTTP: that port is no Kafka listener")
            }
            ConnectCause::Misbehaved(what) => {
                write!(f, "{who}does not answer like a Kafka broker: {what}")
            }
            ConnectCause::Refuses(error) => {
                write!(f, "{who}refuses to tell its API versions: {error}")
            }
        }
    }
}

/// Names the attempt to reach `address` that failed with `cause`.
pub(crate) fn failed(
    bootstrap: &Str,
    address: &BrokerAddress,
    node: Option<NodeId>,
    cause: ConnectCause,
) -> Arc<ConnectError> {
    let (bootstrap, address) = (bootstrap.clone(), address.clone());
    Arc::new(ConnectError { bootstrap, address, node, cause })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(node: Option<i32>, cause: ConnectCause) -> String {
        let address = BrokerAddress { host: Str::from_static("kafka"), port: 9092 };
        let bootstrap = Str::from_static("localhost:9092");
        failed(&bootstrap, &address, node.map(NodeId), cause).to_string()
    }

    #[test]
    fn errors_name_bootstrap_advertised_address_and_cause() {
        use ConnectCause as C;
        for (node, cause, expected) in [
            (
                Some(1),
                C::Unresolved,
                "bootstrap localhost:9092 told us to use kafka:9092 for broker 1, which does not \
                 resolve: check the broker's advertised.listeners",
            ),
            (
                Some(2),
                C::Refused,
                "bootstrap localhost:9092 told us to use kafka:9092 for broker 2, which refuses \
                 connections: check the broker's advertised.listeners",
            ),
            (
                Some(2),
                C::TimedOut(Duration::from_secs(10)),
                "bootstrap localhost:9092 told us to use kafka:9092 for broker 2, which did not \
                 answer within 10s: check the broker's advertised.listeners",
            ),
            (None, C::Refused, "cannot connect to bootstrap kafka:9092: it refuses connections"),
            (None, C::Unresolved, "cannot connect to bootstrap kafka:9092: it does not resolve"),
            (
                None,
                C::SpeaksTls,
                "cannot connect to bootstrap kafka:9092: it answers in TLS: this client was told \
                 to speak plain text, use the broker's plain-text port or ClientBuilder::tls",
            ),
            (
                None,
                C::SpeaksHttp,
                "cannot connect to bootstrap kafka:9092: it answers in HTTP: that port is no \
                 Kafka listener",
            ),
            (
                None,
                C::ClosedInHandshake,
                "cannot connect to bootstrap kafka:9092: it closed the connection when asked for \
                 its API versions: it may expect TLS or SASL, or be no Kafka listener",
            ),
            (
                Some(3),
                C::Io("network is unreachable".to_owned()),
                "bootstrap localhost:9092 told us to use kafka:9092 for broker 3, which cannot be \
                 reached: network is unreachable",
            ),
        ] {
            assert_eq!(text(node, cause), expected);
        }
    }

    #[test]
    fn transport_errors_are_told_apart() {
        let other = |text: &str| io::Error::other(text.to_owned());
        for (error, cause) in [
            (io::Error::from(io::ErrorKind::ConnectionRefused), ConnectCause::Refused),
            (
                other("failed to lookup address information: Name or service not known"),
                ConnectCause::Unresolved,
            ),
            (other("odd"), ConnectCause::Io("odd".to_owned())),
        ] {
            assert_eq!(ConnectCause::of_io(&error), cause);
        }
        let tls = failed(
            &Str::from_static("a:1"),
            &BrokerAddress { host: Str::from_static("a"), port: 1 },
            None,
            ConnectCause::SpeaksTls,
        );
        assert!(!tls.is_retriable(), "asking again cannot help");
    }
}
