//! Certificates and keys in PEM: given as text, or read from a file when a client is built.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{ConfigError, is_pem};

/// Ten times what all public authorities take: more is no PEM, and would only fill memory.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a Java key store begins with.
const JKS_MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
/// What PKCS #12 and single certificates in DER begin with: an ASN.1 sequence.
const ASN1_SEQUENCE: u8 = 0x30;

/// Where PEM comes from, and by which setting.
#[derive(Clone)]
pub(crate) struct Pem {
    pub(crate) setting: &'static str,
    /// Kafka's name, for errors.
    pub(crate) property: &'static str,
    pub(crate) place: Place,
}

#[derive(Clone)]
pub(crate) enum Place {
    Text(Vec<u8>),
    File(PathBuf),
}

impl Pem {
    fn wrong(&self, rule: impl Into<String>) -> ConfigError {
        let (setting, property) = (self.setting, self.property);
        let (value, rule) = match &self.place {
            Place::Text(text) => (format!("{} bytes", text.len()), rule.into()),
            Place::File(path) => match path.display().to_string() {
                path if is_pem(&path) => {
                    let instead = match property {
                        "ssl.truststore.location" => "ssl.truststore.certificates",
                        _ => "ssl.keystore.certificate.chain and ssl.keystore.key",
                    };
                    let rule = format!("must be the path of a file: PEM text goes into {instead}");
                    ("not shown".to_owned(), rule)
                }
                path => (format!("{path:?}"), rule.into()),
            },
        };
        ConfigError::Invalid { setting, property, value, rule }
    }

    fn read(&self) -> Result<Cow<'_, [u8]>, ConfigError> {
        let bytes = match &self.place {
            Place::Text(text) => Cow::Borrowed(&**text),
            Place::File(path) => {
                let read = File::open(path).and_then(read_all);
                let unreadable = |e| self.wrong(format!("must be a file that can be read: {e}"));
                Cow::Owned(read.map_err(unreadable)?)
            }
        };
        let other = if bytes.starts_with(&JKS_MAGIC) {
            "a Java key store (JKS): convert it to PKCS #12 with keytool -importkeystore, and that \
             to PEM with openssl pkcs12"
        } else if bytes.first() == Some(&ASN1_SEQUENCE) {
            "PKCS #12 or DER: convert it with openssl pkcs12 or openssl x509"
        } else {
            return Ok(bytes);
        };
        Err(self.wrong(format!("must be PEM, and is {other}")))
    }

    /// All certificates in it, at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
        let text = self.read()?;
        let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
        match all {
            Ok(all) if !all.is_empty() => Ok(all),
            Ok(_) => Err(self.wrong("must hold a certificate in PEM: BEGIN CERTIFICATE")),
            Err(e) => Err(self.wrong(format!("must be PEM: {e}"))),
        }
    }

    /// Adds all certificates in it to `store`.
    pub(super) fn add_to(&self, store: &mut RootCertStore) -> Result<(), ConfigError> {
        for (number, certificate) in (1..).zip(self.certificates()?) {
            let added = store.add(certificate);
            added.map_err(|e| self.wrong(format!("certificate {number} cannot be used: {e}")))?;
        }
        Ok(())
    }

    /// The first private key in it.
    pub(super) fn key(&self) -> Result<PrivateKeyDer<'static>, ConfigError> {
        let text = self.read()?;
        // the error of a parser may hold what it parsed, and must not say a word of a key
        PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
            let encrypted = text.windows(ENCRYPTED.len()).any(|word| word == ENCRYPTED);
            self.wrong(if encrypted {
                "must be a private key that is not encrypted: decrypt it with openssl pkcs8 -in \
                 OLD -out NEW"
            } else {
                "must hold a private key in PEM, not encrypted: BEGIN PRIVATE KEY"
            })
        })
    }

    /// The certificate is not that of the key.
    pub(super) fn strangers(&self, error: &rustls::Error) -> ConfigError {
        self.wrong(format!("must be the key of the certificate: {error}"))
    }
}

/// `BEGIN ENCRYPTED PRIVATE KEY`, and OpenSSL's old `Proc-Type: 4,ENCRYPTED`.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

fn read_all(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > FILE_BYTES_MAX) {
        let reason = "it is larger than 4 MiB, which no PEM is";
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}
