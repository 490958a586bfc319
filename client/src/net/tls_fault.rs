//! Why TLS was not agreed on, in words that say what to change.

use core::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// Why a broker and this client did not come to speak TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TlsFault {
    /// No trusted root issued the peer's certificate
    /// ([`roots_pem`](crate::TlsConfig::roots_pem)).
    UnknownIssuer,
    /// The peer's certificate is for other hosts.
    WrongHost {
        /// Whom we connected to.
        host: String,
        /// Whom the certificate is for.
        certified: Vec<String>,
    },
    /// The peer's certificate has expired, by the client's clock.
    Expired,
    /// The peer's certificate is not valid yet, by the client's clock.
    NotYetValid,
    /// The peer's certificate cannot be used; why.
    BadCertificate(String),
    /// The peer answered with what is no TLS.
    SpeaksPlaintext,
    /// The peer closed the connection in the handshake, as a plain-text port does.
    ClosedInHandshake,
    /// The peer refused the handshake or this client's certificate; its alert.
    Refused(String),
    /// Anything else; what.
    Other(String),
}

impl TlsFault {
    /// What TLS has to say about a failure of the transport, if anything.
    pub(super) fn of_io(error: &io::Error) -> Option<Self> {
        let inner = error.get_ref()?;
        let ours = inner.downcast_ref::<Self>().cloned();
        ours.or_else(|| inner.downcast_ref().map(Self::of_rustls))
    }

    /// Names what ended a handshake.
    pub(super) fn in_handshake(error: io::Error) -> io::Error {
        use io::ErrorKind as K;
        let closed = matches!(
            error.kind(),
            K::UnexpectedEof | K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe
        );
        match Self::of_io(&error) {
            Some(fault) => io::Error::new(error.kind(), fault),
            None if closed => io::Error::new(error.kind(), Self::ClosedInHandshake),
            None => error,
        }
    }

    /// Whether trying again may succeed with no change by the user.
    pub(super) const fn is_retriable(&self) -> bool {
        matches!(self, Self::ClosedInHandshake) // as a broker does that is being stopped
    }

    fn of_rustls(error: &Error) -> Self {
        use CertificateError as C;
        use InvalidMessage as M;
        match error {
            Error::InvalidCertificate(C::UnknownIssuer) => Self::UnknownIssuer,
            Error::InvalidCertificate(C::NotValidForNameContext { expected, presented }) => {
                let host = expected.to_str().into_owned();
                Self::WrongHost { host, certified: presented.iter().map(|n| plain(n)).collect() }
            }
            Error::InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => Self::Expired,
            Error::InvalidCertificate(C::NotValidYet | C::NotValidYetContext { .. }) => {
                Self::NotYetValid
            }
            Error::InvalidCertificate(other) => Self::BadCertificate(other.to_string()),
            Error::InvalidMessage(M::InvalidContentType | M::UnknownProtocolVersion) => {
                Self::SpeaksPlaintext
            }
            Error::AlertReceived(alert) => Self::Refused(describe(*alert)),
            other => Self::Other(other.to_string()),
        }
    }
}

/// `DnsName("kafka")` is how the library names a name.
fn plain(name: &str) -> String {
    name.split('"').nth(1).unwrap_or(name).to_owned()
}

fn describe(alert: AlertDescription) -> String {
    use AlertDescription as A;
    match alert {
        A::CertificateRequired => format!("{alert:?}: give it a client certificate"),
        A::BadCertificate | A::CertificateUnknown | A::UnknownCA => {
            format!("{alert:?}: it wants a client certificate that it trusts")
        }
        A::ProtocolVersion => format!("{alert:?}: it speaks neither TLS 1.2 nor 1.3"),
        _ => format!("{alert:?}"),
    }
}

impl core::error::Error for TlsFault {}

impl fmt::Display for TlsFault {
    /// What the peer does: a sentence without its subject.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIssuer => f.write_str(
                "shows a certificate whose issuer is not trusted: give its root certificate to \
                 TlsConfig::roots_pem",
            ),
            Self::WrongHost { host, certified } => write!(
                f,
                "shows a certificate for {} and not for {host}",
                if certified.is_empty() { "no host".to_owned() } else { certified.join(", ") }
            ),
            Self::Expired => f.write_str("shows a certificate that has expired"),
            Self::NotYetValid => f.write_str(
                "shows a certificate that is not valid yet: check the clocks of both sides",
            ),
            Self::BadCertificate(why) => {
                write!(f, "shows a certificate that cannot be used: {why}")
            }
            Self::SpeaksPlaintext => {
                f.write_str("does not answer in TLS: use the broker's TLS port, or leave TLS away")
            }
            Self::ClosedInHandshake => f.write_str(
                "closed the connection in the TLS handshake: that port may speak plain text",
            ),
            Self::Refused(alert) => write!(f, "refuses TLS with this client: {alert}"),
            Self::Other(what) => write!(f, "cannot be spoken to in TLS: {what}"),
        }
    }
}
