//! Clients, producers and consumers from properties.

use super::table::{Apply, SETTINGS, message_timeout};
use super::tls::TlsDraft;
use super::value::boolean;
use super::{Defaults, Entry, Properties, PropertiesError};
use crate::client::{Client, ClientBuilder};
use crate::config::{ClientConfig, ConfigError};
use crate::consumer::{Consumer, ConsumerBuilder, Isolation};
use crate::producer::{Partitioner, Producer, ProducerBuilder};

impl Properties {
    /// Puts the property that set what `error` complains about in the place of the builder's
    /// method. `again` says what is wrong once a property is applied once more: something else, if
    /// it is another handle's or the program has changed its setting since.
    pub(super) fn blame(
        &self,
        error: ConfigError,
        again: impl Fn(Apply, &str) -> Option<ConfigError>,
    ) -> ConfigError {
        let (property, method, rule) = match &error {
            ConfigError::Invalid { property, setting, rule, .. } => {
                (*property, *setting, rule.clone())
            }
            ConfigError::MissingFeature { setting, feature, .. } => {
                ("", *setting, format!("needs the Cargo feature `{feature}` of crate ottla"))
            }
            ConfigError::Bootstrap { reason } => ("bootstrap.servers", "", reason.clone()),
            ConfigError::Property { .. } | ConfigError::NoRuntime(_) => return error,
        };
        let is_set_by = |entry: &&Entry, exactly: bool| {
            SETTINGS.iter().filter(|s| s.is_called(&entry.key)).any(|s| {
                let named = if exactly { s.property == property } else { s.method == method };
                named && again(s.apply, entry.value.trim()).as_ref() == Some(&error)
            })
        };
        let last = |exactly| self.entries.iter().rev().find(|entry| is_set_by(entry, exactly));
        let Some(entry) = last(true).or_else(|| last(false)) else { return error };
        let shown = match &error {
            // it may be secret, and says nothing of it
            ConfigError::Invalid { value, .. } if entry.is_secret() => value.clone(),
            _ => format!("{:?}", entry.value),
        };
        let (at, property) = (entry.at.clone(), entry.key.clone());
        ConfigError::Property { at, property, value: shown, rule }
    }
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
    /// producers and consumers are left to them, but must exist. Files of certificates are read
    /// when the client is built.
    ///
    /// # Errors
    ///
    /// Names the property that cannot be used, and where it was given; so does
    /// [`build`](Self::build).
    pub fn from_properties(properties: &Properties) -> Result<Self, PropertiesError> {
        let is_bootstrap = |e: &&Entry| SETTINGS.first().is_some_and(|s| s.is_called(&e.key));
        let bootstrap = properties.entries.iter().rev().find(is_bootstrap);
        let mut builder = Self::new(bootstrap.map_or("", |entry| entry.value.trim()));
        let mut tls = TlsDraft::default();
        properties.each(|setting, value| match setting.apply {
            Apply::Client(effect) => effect(&mut builder.config, value),
            Apply::Tls(effect) => effect(&mut tls, value),
            Apply::Producer(_) | Apply::Consumer(_) | Apply::Only(_) => Ok(()),
        })?;
        if bootstrap.is_none() {
            let (property, rule) =
                ("bootstrap.servers", "set it to host:port of one or more brokers");
            return Err(PropertiesError::Missing { property, rule });
        }
        builder.given = properties.clone();
        #[cfg(feature = "tls")]
        {
            builder.tls = tls.finish()?;
            builder.tls_is_given = builder.tls.is_some();
        }
        #[cfg(not(feature = "tls"))]
        tls.finish().map_err(|error| properties.blame_for_tls(error))?;
        Ok(builder)
    }
}

impl ClientConfig {
    /// The same settings, checked, with the property that is to blame if they are wrong.
    pub(crate) fn checked_as(self, given: &Properties) -> Result<Self, ConfigError> {
        self.clone().checked().map_err(|error| {
            given.blame(error, |apply, value| {
                let Apply::Client(effect) = apply else { return None };
                let mut again = self.clone();
                effect(&mut again, value).ok()?;
                again.checked().err()
            })
        })
    }
}

impl Properties {
    /// As [`blame`](Self::blame), for what is wrong with TLS.
    pub(crate) fn blame_for_tls(&self, error: ConfigError) -> ConfigError {
        let same = error.clone();
        self.blame(error, |apply, _| matches!(apply, Apply::Tls(_)).then(|| same.clone()))
    }
}

impl ProducerBuilder {
    /// Takes over the settings of producers among these. Those of clients and consumers must exist,
    /// and change nothing here.
    ///
    /// # Errors
    ///
    /// Names the property that cannot be used, and where it was given; so does
    /// [`build`](Self::build).
    pub fn properties(mut self, properties: &Properties) -> Result<Self, PropertiesError> {
        let theirs = properties.profile()? == Defaults::Librdkafka;
        if theirs {
            self.partitioner = Partitioner::Crc32Random;
            self.idempotence = Some(false);
        }
        properties.each(|setting, value| match setting.apply {
            // to librdkafka it is another name of message.timeout.ms
            Apply::Producer(_) if theirs && setting.property == "delivery.timeout.ms" => {
                message_timeout(&mut self, value)
            }
            Apply::Producer(effect) => effect(&mut self, value),
            Apply::Client(_) | Apply::Tls(_) | Apply::Consumer(_) | Apply::Only(_) => Ok(()),
        })?;
        let ignores_keys = properties.last("partitioner.ignore.keys");
        if ignores_keys.is_some_and(|entry| boolean(entry.value.trim()) == Ok(true))
            && matches!(self.partitioner, Partitioner::Murmur2)
        {
            self.partitioner = Partitioner::Sticky; // as in Java, other partitioners heed keys
        }
        // Java's and librdkafka's batches end at the request's size without a word
        self.batch_bytes_max = self.batch_bytes_max.map(|bytes| bytes.min(self.max_request_size));
        let batch_bytes_max = self.batch_bytes_max_or_default();
        self.gather_bytes = self.gather_bytes.map(|bytes| bytes.min(batch_bytes_max));
        self.given.entries.extend(properties.entries.iter().cloned());
        Ok(self)
    }

    /// The property that set what `error` complains about, if one did.
    pub(crate) fn blame(&self, error: ConfigError) -> ConfigError {
        self.given.blame(error, |apply, value| {
            let Apply::Producer(effect) = apply else { return None };
            let mut again = self.clone();
            effect(&mut again, value).ok()?;
            again.checked().err()
        })
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
    /// Names the property that cannot be used, and where it was given; so does
    /// [`build`](Self::build).
    pub fn properties(mut self, properties: &Properties) -> Result<Self, PropertiesError> {
        if properties.profile()? == Defaults::Librdkafka {
            self.config.isolation = Isolation::ReadCommitted;
        }
        properties.each(|setting, value| match setting.apply {
            Apply::Consumer(effect) => effect(&mut self.config, value),
            Apply::Client(_) | Apply::Tls(_) | Apply::Producer(_) | Apply::Only(_) => Ok(()),
        })?;
        self.given.entries.extend(properties.entries.iter().cloned());
        Ok(self)
    }

    /// The property that set what `error` complains about, if one did.
    pub(crate) fn blame(&self, error: ConfigError) -> ConfigError {
        self.given.blame(error, |apply, value| {
            let Apply::Consumer(effect) = apply else { return None };
            let mut again = self.config.clone();
            effect(&mut again, value).ok()?;
            again.checked().err()
        })
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
