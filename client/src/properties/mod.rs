//! Settings by the names that Kafka's Java clients and librdkafka give them.

mod error;
mod known;
mod syntax;
mod table;
#[cfg(test)]
mod tests;
mod value;

use core::fmt;

pub use error::{Origin, PropertiesError};

use crate::client::{Client, ClientBuilder};
use crate::consumer::{Consumer, ConsumerBuilder, Isolation};
use crate::producer::{Partitioner, Producer, ProducerBuilder};
use table::{Apply, SETTINGS, Setting};

/// Whose defaults count where those of the Java clients and of librdkafka would change what a
/// program sees: which partition a key goes to, which records of transactions are read, whether a
/// retry may append twice. All other defaults are this client's, as its builders say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Defaults {
    /// The Java clients': murmur2, `read_uncommitted`, idempotence on.
    #[default]
    Kafka,
    /// librdkafka's: CRC-32 (`consistent_random`), `read_committed`, idempotence off.
    Librdkafka,
}

/// Settings by Kafka's names, or librdkafka's: from a `.properties` file, or set one by one.
///
/// One set may serve all handles: each takes what is its own, and leaves what another's is. When
/// a property comes twice, by whatever name, the last one counts. Nothing is checked before it is
/// used. The property `ottla.defaults`, `kafka` or `librdkafka`, is [`Properties::defaults`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # let _inside = runtime.enter();
/// use ottla::{Client, Defaults, Properties};
///
/// let text = "bootstrap.servers=localhost:9092\nlinger.ms=20\ncompression.codec=lz4\n";
/// let properties = Properties::parse("app.properties", text)?
///     .defaults(Defaults::Librdkafka)
///     .set("client.id", "billing");
/// let client = Client::from_properties(&properties)?;
/// let producer = client.producer().properties(&properties)?.build()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Properties {
    entries: Vec<Entry>,
    defaults: Option<Defaults>,
}

#[derive(Clone, Eq, PartialEq)]
struct Entry {
    key: String,
    value: String,
    at: Origin,
}

impl Properties {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the text of a `.properties` file: comments, continued lines and escapes as in Java's.
    /// librdkafka's files of `key=value` lines are such files too. `file` names it in errors.
    ///
    /// # Errors
    ///
    /// [`PropertiesError::Syntax`] names the line.
    pub fn parse(file: &str, text: &str) -> Result<Self, PropertiesError> {
        let entry = |(key, value, line)| Entry { key, value, at: Origin::line(file, line) };
        let entries = syntax::parse(file, text)?.into_iter().map(entry).collect();
        Ok(Self { entries, defaults: None })
    }

    /// Sets a property, in place of an earlier value.
    #[must_use]
    pub fn set(mut self, property: &str, value: &str) -> Self {
        self.extend([(property, value)]);
        self
    }

    /// Whose defaults count. Default: [`Defaults::Kafka`].
    #[must_use]
    pub const fn defaults(mut self, defaults: Defaults) -> Self {
        self.defaults = Some(defaults);
        self
    }

    /// Whose defaults count: what the program said, or the property `ottla.defaults`.
    fn profile(&self) -> Result<Defaults, PropertiesError> {
        let given = self.entries.iter().rev().find(|entry| entry.key == PROFILE);
        match (self.defaults, given) {
            (Some(defaults), _) => Ok(defaults),
            (None, None) => Ok(Defaults::Kafka),
            (None, Some(entry)) => {
                let choices = [("kafka", Defaults::Kafka), ("librdkafka", Defaults::Librdkafka)];
                value::choice(&entry.value, &choices).map_err(|rule| entry.refuse(rule))
            }
        }
    }

    /// Lets `apply` do its part for every property, in order; what nobody has is refused.
    fn each(
        &self,
        mut apply: impl FnMut(&Setting, &str) -> Result<(), String>,
    ) -> Result<(), PropertiesError> {
        for entry in self.entries.iter().filter(|entry| entry.key != PROFILE) {
            let mut settings = SETTINGS.iter().filter(|s| s.is_called(&entry.key)).peekable();
            if settings.peek().is_none() {
                return Err(entry.stranger());
            }
            for setting in settings {
                let value = entry.value.trim();
                if let Apply::Only(values) = setting.apply
                    && !values.iter().any(|only| only.eq_ignore_ascii_case(value))
                {
                    let advice = known::advice(&entry.key);
                    let rule = format!("only {} is supported: {advice}", values.join(" or "));
                    return Err(entry.refuse(rule));
                }
                apply(setting, value).map_err(|rule| entry.refuse(rule))?;
            }
        }
        Ok(())
    }
}

/// The property that says whose defaults count.
const PROFILE: &str = "ottla.defaults";

impl Entry {
    fn refuse(&self, rule: String) -> PropertiesError {
        let secret = known::is_secret(&self.key);
        let value = if secret { "not shown".to_owned() } else { format!("{:?}", self.value) };
        PropertiesError::Value { at: self.at.clone(), property: self.key.clone(), value, rule }
    }

    /// Why a property that this client does not have is refused.
    fn stranger(&self) -> PropertiesError {
        let at = self.at.clone();
        match known::Known::find(&self.key) {
            Some(known) => {
                let advice = known::advice(known.name);
                PropertiesError::Unsupported { at, property: known.name, advice }
            }
            None => {
                let nearest = known::nearest(&self.key);
                PropertiesError::Unknown { at, property: self.key.clone(), nearest }
            }
        }
    }
}

impl<K: AsRef<str>, V: AsRef<str>> Extend<(K, V)> for Properties {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, properties: I) {
        let entry = |(key, value): (K, V)| Entry {
            key: key.as_ref().to_owned(),
            value: value.as_ref().to_owned(),
            at: Origin::Program,
        };
        self.entries.extend(properties.into_iter().map(entry));
    }
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(properties: I) -> Self {
        let mut all = Self::new();
        all.extend(properties);
        all
    }
}

impl fmt::Debug for Properties {
    /// The values of what may be secret are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.entries.iter().map(|entry| {
                let ours = SETTINGS.iter().any(|setting| setting.is_called(&entry.key));
                let secret = !ours || known::is_secret(&entry.key);
                (&entry.key, if secret { "not shown" } else { entry.value.as_str() })
            }))
            .finish()
    }
}

/// A client's builder, and what has to be put together before it gets it.
pub(crate) struct ClientDraft {
    builder: ClientBuilder,
    tls: TlsDraft,
}

#[derive(Default)]
struct TlsDraft {
    on: bool,
    roots: Option<String>,
    chain: Option<String>,
    key: Option<String>,
    any_host: bool,
}

impl ClientDraft {
    #[cfg(feature = "tls")]
    fn finish(self) -> Result<ClientBuilder, PropertiesError> {
        let TlsDraft { on, roots, chain, key, any_host } = self.tls;
        if !on {
            return Ok(self.builder);
        }
        let mut tls = crate::TlsConfig::new();
        if let Some(roots) = roots {
            tls = tls.roots_pem(roots);
        }
        tls = match (chain, key) {
            (Some(chain), Some(key)) => tls.client_certificate_pem(chain, key),
            (None, None) => tls,
            (Some(_), None) => return Err(missing("ssl.keystore.key", "the certificate's key")),
            (None, Some(_)) => {
                let rule = "the certificate of ssl.keystore.key";
                return Err(missing("ssl.keystore.certificate.chain", rule));
            }
        };
        let tls = if any_host { tls.dangerous_accept_any_host() } else { tls };
        Ok(self.builder.tls(tls))
    }

    #[cfg(not(feature = "tls"))]
    fn finish(self) -> Result<ClientBuilder, PropertiesError> {
        if self.tls.on {
            let (setting, value, feature) = ("security.protocol", "SSL".to_owned(), "tls");
            return Err(crate::ConfigError::MissingFeature { setting, value, feature }.into());
        }
        Ok(self.builder)
    }
}

const fn missing(property: &'static str, rule: &'static str) -> PropertiesError {
    PropertiesError::Missing { property, rule }
}

impl Client {
    /// A client with these settings: [`ClientBuilder::from_properties`], built.
    ///
    /// # Errors
    ///
    /// Names the property that cannot be used, and where it was given.
    pub fn from_properties(properties: &Properties) -> Result<Self, PropertiesError> {
        Ok(ClientBuilder::from_properties(properties)?.build()?)
    }
}

impl ClientBuilder {
    /// A builder with these settings, which must have `bootstrap.servers`. Properties of
    /// producers and consumers are left to them, but must exist.
    ///
    /// # Errors
    ///
    /// Names the property that cannot be used, and where it was given.
    pub fn from_properties(properties: &Properties) -> Result<Self, PropertiesError> {
        let is_bootstrap = |e: &&Entry| SETTINGS.first().is_some_and(|s| s.is_called(&e.key));
        let bootstrap = properties.entries.iter().rev().find(is_bootstrap);
        let mut draft = ClientDraft {
            builder: Client::builder(bootstrap.map_or("", |entry| entry.value.trim())),
            tls: TlsDraft::default(),
        };
        properties.each(|setting, value| match setting.apply {
            Apply::Client(effect) => effect(&mut draft, value),
            Apply::Producer(_) | Apply::Consumer(_) | Apply::Only(_) => Ok(()),
        })?;
        if bootstrap.is_none() {
            return Err(missing("bootstrap.servers", "set it to host:port of one or more brokers"));
        }
        draft.finish()
    }
}

impl ProducerBuilder {
    /// Takes over the settings of producers among these. Those of clients and consumers must exist,
    /// and change nothing here.
    ///
    /// # Errors
    ///
    /// Names the property that cannot be used, and where it was given.
    pub fn properties(mut self, properties: &Properties) -> Result<Self, PropertiesError> {
        if properties.profile()? == Defaults::Librdkafka {
            self.partitioner = Partitioner::Crc32Random;
            self.idempotence = Some(false);
        }
        properties.each(|setting, value| match setting.apply {
            Apply::Producer(effect) => effect(&mut self, value),
            Apply::Client(_) | Apply::Consumer(_) | Apply::Only(_) => Ok(()),
        })?;
        // Java's and librdkafka's batches end at the request's size without a word
        self.batch_bytes_max = self.batch_bytes_max.min(self.max_request_size);
        self.gather_bytes = self.gather_bytes.map(|bytes| bytes.min(self.batch_bytes_max));
        Ok(self)
    }
}

impl Producer {
    /// A producer of `client` with these settings: [`ProducerBuilder::properties`], built.
    ///
    /// # Errors
    ///
    /// Names the property that cannot be used, and where it was given.
    pub fn from_properties(
        client: &Client,
        properties: &Properties,
    ) -> Result<Self, PropertiesError> {
        Ok(client.producer().properties(properties)?.build()?)
    }
}

impl ConsumerBuilder {
    /// Takes over the settings of consumers among these. Those of clients and producers must exist,
    /// and change nothing here.
    ///
    /// # Errors
    ///
    /// Names the property that cannot be used, and where it was given.
    pub fn properties(mut self, properties: &Properties) -> Result<Self, PropertiesError> {
        if properties.profile()? == Defaults::Librdkafka {
            self.config.isolation = Isolation::ReadCommitted;
        }
        properties.each(|setting, value| match setting.apply {
            Apply::Consumer(effect) => effect(&mut self.config, value),
            Apply::Client(_) | Apply::Producer(_) | Apply::Only(_) => Ok(()),
        })?;
        Ok(self)
    }
}

impl Consumer {
    /// A consumer of `client` with these settings: [`ConsumerBuilder::properties`], built.
    ///
    /// # Errors
    ///
    /// Names the property that cannot be used, and where it was given.
    pub fn from_properties(
        client: &Client,
        properties: &Properties,
    ) -> Result<Self, PropertiesError> {
        Ok(client.consumer().properties(properties)?.build()?)
    }
}
