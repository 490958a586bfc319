//! What properties say about TLS, put together.

#[cfg(feature = "tls")]
use super::PropertiesError;
#[cfg(not(feature = "tls"))]
use crate::config::ConfigError;

/// Whom to trust and who to be, by properties. Files are named here and read later.
#[derive(Clone, Default)]
pub(super) struct TlsDraft {
    pub(super) on: bool,
    pub(super) any_host: bool,
    roots: Option<Given>,
    chain: Option<Given>,
    key: Option<Given>,
}

/// PEM text, or the path of a file of it.
#[derive(Clone)]
#[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "read, but not used"))]
struct Given {
    by: &'static TlsProperty,
    value: String,
}

/// What a property of TLS gives.
pub(super) struct TlsProperty {
    /// Its name in the table.
    name: &'static str,
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "read, but not used"))]
    is_file: bool,
    gives: &'static [Part],
}

#[derive(Clone, Copy)]
enum Part {
    Roots,
    Chain,
    Key,
}

use Part::{Chain, Key, Roots};

const fn text(name: &'static str, gives: &'static [Part]) -> TlsProperty {
    TlsProperty { name, is_file: false, gives }
}

const fn file(name: &'static str, gives: &'static [Part]) -> TlsProperty {
    TlsProperty { name, is_file: true, gives }
}

pub(super) const ROOTS_PEM: &TlsProperty = &text("ssl.truststore.certificates", &[Roots]);
pub(super) const ROOTS_FILE: &TlsProperty = &file("ssl.truststore.location", &[Roots]);
pub(super) const CHAIN_PEM: &TlsProperty = &text("ssl.keystore.certificate.chain", &[Chain]);
pub(super) const CHAIN_FILE: &TlsProperty = &file("ssl.certificate.location", &[Chain]);
pub(super) const KEY_PEM: &TlsProperty = &text("ssl.keystore.key", &[Key]);
pub(super) const KEY_FILE: &TlsProperty = &file("ssl.key.location", &[Key]);
pub(super) const BOTH_FILE: &TlsProperty = &file("ssl.keystore.location", &[Chain, Key]);

impl TlsDraft {
    /// Takes a part from one property; from two it would not be clear which one counts.
    pub(super) fn take(&mut self, by: &'static TlsProperty, value: &str) -> Result<(), String> {
        for part in by.gives {
            let slot = match part {
                Roots => &mut self.roots,
                Chain => &mut self.chain,
                Key => &mut self.key,
            };
            if let Some(other) = slot.as_ref().filter(|given| given.by.name != by.name) {
                return Err(format!("must not be given beside {}", other.by.name));
            }
            *slot = Some(Given { by, value: value.to_owned() });
        }
        Ok(())
    }

    /// The configuration, if there is to be TLS.
    #[cfg(feature = "tls")]
    pub(super) fn finish(self) -> Result<Option<crate::TlsConfig>, PropertiesError> {
        let Self { on, any_host, roots, chain, key } = self;
        if !on {
            return Ok(None);
        }
        let mut tls = crate::TlsConfig::new();
        if let Some(roots) = roots {
            tls = tls.roots(roots.pem());
        }
        tls = match (chain, key) {
            (Some(chain), Some(key)) => tls.identity(chain.pem(), key.pem()),
            (None, None) => tls,
            (Some(chain), None) => return Err(chain.lacks(KEY_FILE, KEY_PEM)),
            (None, Some(key)) => return Err(key.lacks(CHAIN_FILE, CHAIN_PEM)),
        };
        Ok(Some(if any_host { tls.dangerous_accept_any_host() } else { tls }))
    }

    /// Refuses TLS.
    #[cfg(not(feature = "tls"))]
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let (setting, value, feature) = ("tls", "SSL".to_owned(), "tls");
        if self.on {
            return Err(ConfigError::MissingFeature { setting, value, feature });
        }
        Ok(())
    }
}

#[cfg(feature = "tls")]
impl Given {
    fn pem(self) -> crate::net::pem::Pem {
        use crate::net::pem::{Pem, Place};

        let place = match self.by.is_file {
            true => Place::File(self.value.into()),
            false => Place::Text(self.value.into_bytes()),
        };
        Pem { setting: "tls", property: self.by.name, place }
    }

    /// Its other half is missing, which comes in a file or as text.
    fn lacks(&self, file: &TlsProperty, text: &TlsProperty) -> PropertiesError {
        let property = if self.by.is_file { file.name } else { text.name };
        PropertiesError::Missing { property, rule: "a certificate and its key go together" }
    }
}
