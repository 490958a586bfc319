//! Settings by the names that Kafka's Java clients and librdkafka give them.

mod error;
mod handles;
mod known;
mod syntax;
mod table;
#[cfg(test)]
mod tests;
mod tls;
mod value;

use core::fmt;

pub use error::{Origin, PropertiesError};

use crate::config::is_pem;
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
    /// librdkafka's files of `key=value` lines are such files too, if each backslash in them is
    /// doubled: librdkafka has no escapes. `file` names it in errors.
    ///
    /// # Errors
    ///
    /// [`PropertiesError::Syntax`] names the line.
    pub fn parse(file: &str, text: &str) -> Result<Self, PropertiesError> {
        let entry = |(key, value, line)| Entry { key, value, at: Origin::line(file, line) };
        let entries = syntax::parse(file, text)?.into_iter().map(entry).collect();
        Ok(Self { entries })
    }

    /// Sets a property, in place of an earlier value.
    #[must_use]
    pub fn set(mut self, property: &str, value: &str) -> Self {
        self.extend([(property, value)]);
        self
    }

    /// These and those of `later`, which count where both say something.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        self.entries.extend(later.entries);
        self
    }

    /// Whose defaults count. Default: [`Defaults::Kafka`]. Of this and the property
    /// `ottla.defaults` the last one counts.
    #[must_use]
    pub fn defaults(self, defaults: Defaults) -> Self {
        let name = PROFILES.iter().find(|(_, profile)| *profile == defaults);
        self.set(PROFILE, name.map_or("", |(name, _)| name))
    }

    /// The entry that counts for a property without aliases.
    fn last(&self, property: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.key == property)
    }

    fn profile(&self) -> Result<Defaults, PropertiesError> {
        let Some(entry) = self.last(PROFILE) else { return Ok(Defaults::default()) };
        value::choice(entry.value.trim(), &PROFILES).map_err(|rule| entry.refuse(rule))
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
                    // an empty one stands for none
                    let named: Vec<_> = values.iter().copied().filter(|v| !v.is_empty()).collect();
                    let rule = format!("only {} is supported: {advice}", named.join(" or "));
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
const PROFILES: [(&str, Defaults); 2] =
    [("kafka", Defaults::Kafka), ("librdkafka", Defaults::Librdkafka)];

impl Entry {
    fn is_secret(&self) -> bool {
        known::is_secret(&self.key) || is_pem(&self.value)
    }

    fn refuse(&self, rule: String) -> PropertiesError {
        let value =
            if self.is_secret() { "not shown".to_owned() } else { format!("{:?}", self.value) };
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
                let ours = entry.key == PROFILE
                    || SETTINGS.iter().any(|setting| setting.is_called(&entry.key));
                let secret = !ours || entry.is_secret();
                (&entry.key, if secret { "not shown" } else { entry.value.as_str() })
            }))
            .finish()
    }
}
