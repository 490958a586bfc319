//! TLS around any connector: whom to trust, and who to be.

use core::fmt;
use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use ottla_runtime::Clock;
use ottla_runtime::net::{Connector, Halves};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::pem::{Pem, Place};
use super::tls_fault::TlsFault;
use crate::config::ConfigError;

/// How to speak TLS with brokers (Kafka: `security.protocol=SSL`); for
/// [`ClientBuilder::tls`](crate::ClientBuilder::tls).
///
/// Certificates and keys are PEM: a Java keystore (JKS, PKCS #12) has to be converted. Nothing is
/// checked, and no file is read, before the client is built. TLS 1.2 and 1.3 are spoken.
///
/// ```
/// use ottla::{Client, TlsConfig};
///
/// let tls = TlsConfig::new()
///     .roots_file("ca.pem")
///     .client_certificate_files("client.pem", "client.key");
/// let builder = Client::builder("kafka:9093").tls(tls);
/// ```
#[derive(Clone, Default)]
#[must_use = "does nothing before it is given to a client"]
pub struct TlsConfig {
    /// `None` for the public ones.
    roots: Option<Vec<Pem>>,
    identity: Option<Identity>,
    any_host: bool,
    ready: Option<Arc<ClientConfig>>,
}

#[derive(Clone)]
struct Identity {
    chain: Pem,
    key: Pem,
}

/// As text, set by this method.
fn text(setting: &'static str, property: &'static str, pem: impl AsRef<[u8]>) -> Pem {
    Pem { setting, property, place: Place::Text(pem.as_ref().to_vec()) }
}

/// In a file, set by this method.
fn file(setting: &'static str, property: &'static str, path: impl Into<PathBuf>) -> Pem {
    Pem { setting, property, place: Place::File(path.into()) }
}

impl TlsConfig {
    /// Trusts the public certificate authorities, checks host names, shows no certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a configuration of rustls as it is. No other setting goes with it.
    pub fn from_rustls(config: Arc<ClientConfig>) -> Self {
        Self { ready: Some(config), ..Self::default() }
    }

    /// The certificates to trust instead of the public ones, in PEM; called again, more of them
    /// (Kafka: `ssl.truststore.certificates`; librdkafka: `ssl.ca.pem`). Default: Mozilla's list of
    /// public authorities.
    pub fn roots_pem(self, pem: impl AsRef<[u8]>) -> Self {
        self.roots(text("roots_pem", "ssl.truststore.certificates", pem))
    }

    /// A file of what [`roots_pem`](Self::roots_pem) takes, of at most 4 MiB (Kafka: a
    /// `ssl.truststore.location` of type PEM; librdkafka: `ssl.ca.location`). Default: Mozilla's
    /// list of public authorities.
    pub fn roots_file(self, path: impl Into<PathBuf>) -> Self {
        self.roots(file("roots_file", "ssl.truststore.location", path))
    }

    pub(crate) fn roots(mut self, pem: Pem) -> Self {
        self.roots.get_or_insert_default().push(pem);
        self
    }

    /// The certificate to show when the broker asks for one, with those that lead to its root, and
    /// its private key, not encrypted; both in PEM (Kafka: `ssl.keystore.certificate.chain`,
    /// `ssl.keystore.key`; librdkafka: `ssl.certificate.pem`, `ssl.key.pem`). Default: none.
    pub fn client_certificate_pem(self, chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        let setting = "client_certificate_pem";
        let chain = text(setting, "ssl.keystore.certificate.chain", chain);
        self.identity(chain, text(setting, "ssl.keystore.key", key))
    }

    /// Files of what [`client_certificate_pem`](Self::client_certificate_pem) takes, of at most
    /// 4 MiB; one file may have both (Kafka: a `ssl.keystore.location` of type PEM; librdkafka:
    /// `ssl.certificate.location`, `ssl.key.location`). Default: none.
    pub fn client_certificate_files(
        self,
        chain: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        let (setting, property) = ("client_certificate_files", "ssl.keystore.location");
        self.identity(file(setting, property, chain), file(setting, property, key))
    }

    pub(crate) fn identity(mut self, chain: Pem, key: Pem) -> Self {
        self.identity = Some(Identity { chain, key });
        self
    }

    /// Takes any certificate that a trusted root issued, whatever host it is for: who has one of
    /// them can pose as the broker (Kafka: an empty `ssl.endpoint.identification.algorithm`).
    /// Default: the certificate has to name the host connected to.
    pub const fn dangerous_accept_any_host(mut self) -> Self {
        self.any_host = true;
        self
    }

    /// Puts TLS around `inner`; certificates are valid or not by the time of `clock`.
    pub(crate) fn around(
        self,
        inner: Box<dyn Connector>,
        clock: &Clock,
    ) -> Result<TlsConnector, ConfigError> {
        let config = self.build(clock)?;
        Ok(TlsConnector { inner, tls: tokio_rustls::TlsConnector::from(config) })
    }

    fn build(self, clock: &Clock) -> Result<Arc<ClientConfig>, ConfigError> {
        if let Some(config) = self.ready {
            if self.roots.is_some() || self.identity.is_some() || self.any_host {
                let rule = "must be the only setting: rustls's configuration has all of them";
                return Err(invalid("from_rustls", "none", "not alone", rule));
            }
            return Ok(config);
        }
        let roots = Arc::new(self.roots.as_deref().map_or_else(public_roots, read_roots)?);
        // never the process's default provider, which another crate may set or forget to set
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let time = Arc::new(WallTime(clock.clone()));
        let config = ClientConfig::builder_with_details(Arc::clone(&provider), time)
            .with_safe_default_protocol_versions()
            .map_err(|e| invalid("tls", "security.protocol", "SSL", &e.to_string()))?;
        let config = if self.any_host {
            let verifier = Arc::new(AnyHost::new(roots, provider)?);
            config.dangerous().with_custom_certificate_verifier(verifier)
        } else {
            config.with_root_certificates(roots)
        };
        Ok(Arc::new(match self.identity {
            None => config.with_no_client_auth(),
            Some(Identity { chain, key }) => config
                .with_client_auth_cert(chain.certificates()?, key.key()?)
                .map_err(|e| key.strangers(&e))?,
        }))
    }
}

impl From<Arc<ClientConfig>> for TlsConfig {
    fn from(config: Arc<ClientConfig>) -> Self {
        Self::from_rustls(config)
    }
}

impl fmt::Debug for TlsConfig {
    /// Tells what is set; no certificate and no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("own_roots", &self.roots.is_some())
            .field("client_certificate", &self.identity.is_some())
            .field("any_host", &self.any_host)
            .field("from_rustls", &self.ready.is_some())
            .finish()
    }
}

fn public_roots() -> Result<RootCertStore, ConfigError> {
    Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
}

fn read_roots(all: &[Pem]) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    for pem in all {
        pem.add_to(&mut store)?;
    }
    Ok(store)
}

fn invalid(setting: &'static str, property: &'static str, value: &str, rule: &str) -> ConfigError {
    ConfigError::Invalid { setting, property, value: value.to_owned(), rule: rule.to_owned() }
}

/// Opens connections of another connector and speaks TLS on them.
pub(crate) struct TlsConnector {
    inner: Box<dyn Connector>,
    tls: tokio_rustls::TlsConnector,
}

impl Connector for TlsConnector {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Halves>> {
        let connecting = self.inner.connect(host, port);
        let tls = self.tls.clone();
        let host = host.to_owned();
        async move {
            let Ok(name) = ServerName::try_from(host.clone()) else {
                let what = format!("no certificate can be for a host called {host:?}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, TlsFault::Other(what)));
            };
            let Halves { read, write, peer } = connecting.await?;
            let shaking = tls.connect(name, tokio::io::join(read, write));
            let stream = shaking.await.map_err(TlsFault::in_handshake)?;
            let (read, write) = tokio::io::split(stream);
            Ok(Halves { read: Box::new(read), write: Box::new(write), peer })
        }
        .boxed()
    }
}

/// The client's clock, for the dates of certificates.
#[derive(Debug)]
struct WallTime(Clock);

impl TimeProvider for WallTime {
    fn current_time(&self) -> Option<UnixTime> {
        let ms = u64::try_from(self.0.wall_ms()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(ms)))
    }
}

/// Checks all of a certificate but the host's name.
#[derive(Debug)]
struct AnyHost(Arc<WebPkiServerVerifier>);

impl AnyHost {
    fn new(roots: Arc<RootCertStore>, provider: Arc<CryptoProvider>) -> Result<Self, ConfigError> {
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        verifier.map(Self).map_err(|e| {
            invalid("roots_pem", "ssl.truststore.certificates", "of no use", &e.to_string())
        })
    }
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        use rustls::Error::InvalidCertificate;

        // the name is what it judges last: with this error, everything else is right
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        {
            Err(InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEALED: &[u8] =
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED PRIVATE KEY-----";
    const KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";

    #[tokio::test]
    async fn a_setting_that_cannot_be_used_is_named_with_kafkas_name_and_without_its_content() {
        let broken = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n";
        let ready = TlsConfig::new().build(&Clock::system()).unwrap();
        for (config, text) in [
            (
                TlsConfig::new().roots_pem("no PEM"),
                "roots_pem (Kafka: ssl.truststore.certificates) is 6 bytes: must hold a \
                 certificate in PEM: BEGIN CERTIFICATE",
            ),
            (
                TlsConfig::new().roots_pem(broken),
                "roots_pem (Kafka: ssl.truststore.certificates) is 63 bytes: certificate 1 cannot \
                 be used: invalid peer certificate: BadEncoding",
            ),
            (
                TlsConfig::new().client_certificate_pem("", KEY),
                "client_certificate_pem (Kafka: ssl.keystore.certificate.chain) is 0 bytes: must \
                 hold a certificate in PEM: BEGIN CERTIFICATE",
            ),
            (
                TlsConfig::new().client_certificate_pem(broken, "-----BEGIN secret"),
                "client_certificate_pem (Kafka: ssl.keystore.key) is 17 bytes: must hold a private \
                 key in PEM, not encrypted: BEGIN PRIVATE KEY",
            ),
            (
                TlsConfig::new().client_certificate_pem(broken, SEALED),
                "client_certificate_pem (Kafka: ssl.keystore.key) is 82 bytes: must be a private \
                 key that is not encrypted: decrypt it with openssl pkcs8 -in OLD -out NEW",
            ),
            (
                TlsConfig::new().roots_pem([0xfe, 0xed, 0xfe, 0xed, 0, 0]),
                "roots_pem (Kafka: ssl.truststore.certificates) is 6 bytes: must be PEM, and is a \
                 Java key store (JKS): convert it to PKCS #12 with keytool -importkeystore, and \
                 that to PEM with openssl pkcs12",
            ),
            (
                TlsConfig::new().roots_file("/dev/zero"),
                "roots_file (Kafka: ssl.truststore.location) is \"/dev/zero\": must be a file that \
                 can be read: it is larger than 4 MiB, which no PEM is",
            ),
            (
                TlsConfig::new().client_certificate_files("/no/such", "/no/such.key"),
                "client_certificate_files (Kafka: ssl.keystore.location) is \"/no/such\": must be a \
                 file that can be read: No such file or directory (os error 2)",
            ),
            (
                TlsConfig::from_rustls(ready).roots_pem("x"),
                "from_rustls (Kafka: none) is not alone: must be the only setting: rustls's \
                 configuration has all of them",
            ),
        ] {
            assert_eq!(config.build(&Clock::system()).unwrap_err().to_string(), text);
        }
        let unusable = TlsConfig::new().client_certificate_pem(broken, KEY);
        let text = unusable.build(&Clock::system()).unwrap_err().to_string();
        assert!(text.contains("must be the key of the certificate") && !text.contains("secret"));
    }

    #[test]
    fn no_secret_is_printed() {
        let text = format!("{:?}", TlsConfig::new().client_certificate_pem("chain", "the key"));
        let expected = "TlsConfig { own_roots: false, client_certificate: true, any_host: false, \
                        from_rustls: false }";
        assert_eq!(text, expected);
    }
}
