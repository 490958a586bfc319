//! Through TLS everything works as without it, and what is wrong with a certificate is said.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::sync::Arc;

use broker_lite::{Cluster, ClusterConnector};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use ottla::{
    CallError, Client, ClientBuilder, ConnectCause, OffsetReset, Properties, Record, TlsConfig,
    TlsFault,
};
use ottla_runtime::net::memory::MemoryNetwork;
use ottla_runtime::net::{Connector, Halves, Listener as _};
use ottla_runtime::{Clock, Scope};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring, version};

/// So small that no record fits: a write that waits is the rule.
const BUFFER: usize = 700;

/// Issues certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Paper {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, host: &str) -> Paper {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2100, 1, 1);
        let key = KeyPair::generate().unwrap();
        Paper { certificate: params.signed_by(&key, &self.0).unwrap(), key }
    }

    /// A client's settings that trust it.
    fn trusted(&self) -> TlsConfig {
        TlsConfig::new().roots_pem(self.0.pem())
    }
}

/// What the broker's side asks for.
#[derive(Clone, Copy, Default)]
struct Asks {
    client_certificate: bool,
    tls12: bool,
}

/// Takes TLS off in front of a broker.
struct Terminator {
    cluster: ClusterConnector,
    acceptor: TlsAcceptor,
    scope: Scope,
}

impl Terminator {
    fn new(cluster: &Cluster, authority: &Authority, paper: &Paper, asks: Asks) -> Self {
        let provider = Arc::new(ring::default_provider());
        let versions = if asks.tls12 { &[&version::TLS12][..] } else { &[&version::TLS13] };
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let config = if asks.client_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(authority.0.der().clone()).unwrap();
            let roots = Arc::new(roots);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            config.with_no_client_auth()
        };
        let key = PrivateKeyDer::from_pem_slice(paper.key.serialize_pem().as_bytes()).unwrap();
        let config = config.with_single_cert(vec![paper.certificate.der().clone()], key).unwrap();
        let (cluster, scope) = (cluster.connector(), Scope::current().unwrap());
        Self { cluster, acceptor: TlsAcceptor::from(Arc::new(config)), scope }
    }
}

impl Connector for Terminator {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Halves>> {
        let (near, far) = tokio::io::duplex(BUFFER);
        let (acceptor, plain) = (self.acceptor.clone(), self.cluster.connect(host, port));
        self.scope.spawn(async move {
            let Ok(mut encrypted) = acceptor.accept(far).await else { return };
            let Halves { read, write, .. } = plain.await.unwrap();
            let mut plain = tokio::io::join(read, write);
            // ends when either side does
            drop(tokio::io::copy_bidirectional(&mut encrypted, &mut plain).await);
        });
        let (read, write) = tokio::io::split(near);
        let halves = Halves { read: Box::new(read), write: Box::new(write), peer: String::new() };
        async { Ok(halves) }.boxed()
    }
}

async fn cluster() -> Cluster {
    let cluster = Cluster::builder().topic("t", 1).listen("kafka", 9092);
    cluster.memory_network(&MemoryNetwork::new()).start().await.unwrap()
}

fn client(connector: impl Connector, tls: TlsConfig, clock: &Clock) -> Client {
    let client = Client::builder("kafka:9092").connector(connector).tls(tls);
    client.clock(clock.clone()).build().unwrap()
}

/// Why `client` cannot connect.
async fn fault(client: &Client) -> TlsFault {
    let error = client.connect().await.unwrap_err();
    let CallError::Connect(error) = error else { panic!("{error}") };
    let ConnectCause::Tls(fault) = error.cause() else { panic!("{error}") };
    let text = format!("cannot connect to bootstrap kafka:9092: it {fault}");
    assert_eq!(error.to_string(), text);
    fault.clone()
}

#[tokio::test]
async fn records_cross_tls_of_both_versions_unchanged() {
    let authority = Authority::new("ours");
    let paper = authority.issue("kafka");
    for tls12 in [false, true] {
        let cluster = cluster().await;
        let asks = Asks { tls12, ..Asks::default() };
        let terminator = Terminator::new(&cluster, &authority, &paper, asks);
        let client = client(terminator, authority.trusted(), &Clock::system());
        let values: Vec<Vec<u8>> =
            [0, 1, 300_000, 5, 0xffff].map(|n: usize| vec![b'x'; n]).into_iter().collect();
        let producer = client.producer().build().unwrap();
        for value in &values {
            producer.send(Record::to("t").value(value)).await.unwrap();
        }
        let consumer = client.consumer().reset(OffsetReset::Earliest).build().unwrap();
        consumer.assign([("t", 0)]).unwrap();
        for value in &values {
            assert_eq!(consumer.recv().await.unwrap().value.as_deref(), Some(&value[..]));
        }
    }
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused_and_the_reason_named() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let now = Clock::system();
    let wrong_host = || TlsFault::WrongHost {
        host: "kafka".to_owned(),
        certified: vec!["elsewhere".to_owned()],
    };
    for (rule, host, settings, clock, expected) in [
        ("another root", "kafka", theirs.trusted(), &now, TlsFault::UnknownIssuer),
        ("no root of ours is public", "kafka", TlsConfig::new(), &now, TlsFault::UnknownIssuer),
        ("another host", "elsewhere", ours.trusted(), &now, wrong_host()),
        ("too late", "kafka", ours.trusted(), &Clock::starting_at(i64::MAX / 2), TlsFault::Expired),
        ("too early", "kafka", ours.trusted(), &Clock::starting_at(1), TlsFault::NotYetValid),
        (
            "any host, but not anybody",
            "elsewhere",
            theirs.trusted().dangerous_accept_any_host(),
            &now,
            TlsFault::UnknownIssuer,
        ),
    ] {
        let cluster = cluster().await;
        let terminator = Terminator::new(&cluster, &ours, &ours.issue(host), Asks::default());
        assert_eq!(fault(&client(terminator, settings, clock)).await, expected, "{rule}");
    }
}

#[tokio::test]
async fn the_host_goes_unchecked_only_on_demand() {
    let authority = Authority::new("ours");
    let cluster = cluster().await;
    let paper = authority.issue("elsewhere");
    let terminator = Terminator::new(&cluster, &authority, &paper, Asks::default());
    let settings = authority.trusted().dangerous_accept_any_host();
    client(terminator, settings, &Clock::system()).connect().await.unwrap();
}

#[tokio::test]
async fn a_broker_that_wants_a_client_certificate_gets_it_or_says_so() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let (broker, known, stranger) = (ours.issue("kafka"), ours.issue("me"), theirs.issue("me"));
    let show = |paper: &Paper| {
        let (chain, key) = (paper.certificate.pem(), paper.key.serialize_pem());
        ours.trusted().client_certificate_pem(chain, key)
    };
    for tls12 in [false, true] {
        let asks = Asks { client_certificate: true, tls12 };
        let cluster = cluster().await;
        let client = |settings| {
            let terminator = Terminator::new(&cluster, &ours, &broker, asks);
            client(terminator, settings, &Clock::system())
        };
        client(show(&known)).connect().await.unwrap();
        for settings in [ours.trusted(), show(&stranger)] {
            let TlsFault::Refused(alert) = fault(&client(settings)).await else { panic!() };
            assert!(alert.contains("client certificate"), "TLS 1.2 {tls12}: {alert}");
        }
    }
}

/// By the names of Java's clients and of librdkafka.
#[tokio::test]
async fn certificates_come_from_the_files_that_properties_name() {
    let ours = Authority::new("ours");
    let (broker, me) = (ours.issue("kafka"), ours.issue("me"));
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (chain, key) = (me.certificate.pem(), me.key.serialize_pem());
    let (both, roots) = (file("both.pem", &format!("{key}{chain}")), file("ca.pem", &ours.0.pem()));
    let (chain, key) = (file("me.pem", &chain), file("me.key", &key));
    let java = format!(
        "ssl.truststore.type=PEM\nssl.truststore.location={roots}\nssl.keystore.type=PEM\n\
         ssl.keystore.location={both}"
    );
    let librdkafka = format!(
        "ssl.ca.location={roots}\nssl.certificate.location={chain}\nssl.key.location={key}"
    );
    let asks = Asks { client_certificate: true, ..Asks::default() };
    let cluster = cluster().await;
    for text in [java, librdkafka] {
        let text = format!("bootstrap.servers=kafka:9092\nsecurity.protocol=SSL\n{text}");
        let properties = Properties::parse("x", &text).unwrap();
        let builder = ClientBuilder::from_properties(&properties).unwrap();
        let terminator = Terminator::new(&cluster, &ours, &broker, asks);
        builder.connector(terminator).build().unwrap().connect().await.unwrap();
    }
    let crossed = TlsConfig::new().client_certificate_files(&roots, &key);
    let refused = Client::builder("kafka:9092").tls(crossed).build().unwrap_err().to_string();
    assert!(refused.contains("must be the key of the certificate"), "{refused}");
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_is_told_from_one_that_does() {
    let authority = Authority::new("ours");
    let cluster = cluster().await;
    let encrypted = client(cluster.connector(), authority.trusted(), &Clock::system());
    assert_eq!(fault(&encrypted).await, TlsFault::ClosedInHandshake);

    let network = MemoryNetwork::new();
    let listener = network.bind("kafka", 9092).unwrap();
    Scope::current().unwrap().spawn(async move {
        while let Ok(mut peer) = listener.accept().await {
            let mut hello = [0; 5];
            peer.read.read_exact(&mut hello).await.unwrap();
            peer.write.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        }
    });
    let encrypted = client(network, authority.trusted(), &Clock::system());
    assert_eq!(fault(&encrypted).await, TlsFault::SpeaksPlaintext);

    let paper = authority.issue("kafka");
    let terminator = Terminator::new(&cluster, &authority, &paper, Asks::default());
    let plain = Client::builder("kafka:9092").connector(terminator).build().unwrap();
    let error = plain.connect().await.unwrap_err();
    let CallError::Connect(error) = error else { panic!("{error}") };
    assert_eq!(*error.cause(), ConnectCause::SpeaksTls);
}
