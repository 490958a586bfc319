//! What a client was told, and what is wrong with it. Shared by the builders of all handles.

use core::time::Duration;

use ottla_protocol::Str;
use ottla_runtime::scope::NoRuntime;

use crate::net::address::BrokerAddress;
use crate::properties::Origin;

/// Why a handle could not be built. Nothing was opened or sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A setting has a value it cannot have.
    #[error("{setting} (Kafka: {property}) is {value}: {rule}")]
    Invalid {
        /// The builder's method.
        setting: &'static str,
        /// The name of the setting in Kafka's configuration.
        property: &'static str,
        /// What it was set to.
        value: String,
        /// What it must be.
        rule: String,
    },
    /// A setting was given as a property, with a value that it cannot have.
    #[error("{at}{property} is {value}: {rule}")]
    Property {
        /// Where it was given.
        at: Origin,
        /// The property, by the name it was given.
        property: String,
        /// Its value, quoted; not shown if it may be secret.
        value: String,
        /// What it must be.
        rule: String,
    },
    /// The list of brokers cannot be read.
    #[error("bootstrap list (Kafka: bootstrap.servers) {reason}")]
    Bootstrap {
        /// Which entry, and what is wrong with it.
        reason: String,
    },
    /// A setting needs a Cargo feature that is off.
    #[error("{setting} {value} needs the Cargo feature `{feature}` of crate ottla")]
    MissingFeature {
        /// The builder's method.
        setting: &'static str,
        /// What it was set to.
        value: String,
        /// The feature to switch on.
        feature: &'static str,
    },
    /// A client needs a tokio runtime to run its tasks on.
    #[error(transparent)]
    NoRuntime(#[from] NoRuntime),
}

impl ConfigError {
    /// `setting` was set to `value`, but must be as `rule` says.
    pub(crate) fn invalid(
        setting: &'static str,
        property: &'static str,
        value: impl core::fmt::Debug,
        rule: impl Into<String>,
    ) -> Self {
        Self::Invalid { setting, property, value: format!("{value:?}"), rule: rule.into() }
    }
}

/// What a client does when no broker that it knows answers, as when all of them were replaced.
/// Kafka's `metadata.recovery.strategy`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum MetadataRecovery {
    /// It starts again from the bootstrap list, whose names are then resolved anew
    /// (`rebootstrap`). Kafka's default, and ours.
    #[default]
    Rebootstrap,
    /// It goes on asking those it knows (`none`).
    None,
}

/// The settings of one client, checked.
#[derive(Clone, Debug)]
pub(crate) struct ClientConfig {
    /// As the user wrote it, for errors.
    pub(crate) bootstrap_text: Str,
    pub(crate) bootstrap: Vec<BrokerAddress>,
    pub(crate) client_id: Str,
    pub(crate) request_timeout: Duration,
    pub(crate) api_timeout: Duration,
    pub(crate) connection_setup_timeout: Duration,
    pub(crate) reconnect_backoff: Duration,
    pub(crate) reconnect_backoff_max: Duration,
    pub(crate) retry_backoff: Duration,
    pub(crate) retry_backoff_max: Duration,
    pub(crate) metadata_max_age: Duration,
    pub(crate) metadata_recovery: MetadataRecovery,
    pub(crate) rebootstrap_trigger: Duration,
    pub(crate) connections_idle_max: Duration,
    pub(crate) response_bytes_max: usize,
    pub(crate) auto_create_topics: bool,
}

/// Longer waits are mistakes of unit; tokio's timers end at about two years.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 3600);
/// A client id travels in a 16-bit length.
const CLIENT_ID_BYTES_MAX: usize = 249;
/// Anything smaller could not carry a metadata response.
const RESPONSE_BYTES_MIN: usize = 64 * 1024;
/// The most a frame's length field can promise.
const RESPONSE_BYTES_MAX: usize = 0x7fff_ffff;

impl ClientConfig {
    /// Kafka's defaults (4.x), with `bootstrap` still to be parsed.
    pub(crate) fn with_bootstrap(text: &str) -> Self {
        Self {
            bootstrap_text: Str::from(text),
            bootstrap: Vec::new(),
            client_id: Str::from_static("ottla"),
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_secs(60),
            connection_setup_timeout: Duration::from_secs(10),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            metadata_max_age: Duration::from_secs(300),
            metadata_recovery: MetadataRecovery::default(),
            rebootstrap_trigger: Duration::from_secs(300),
            connections_idle_max: Duration::from_secs(540),
            response_bytes_max: 256 * 1024 * 1024,
            auto_create_topics: true,
        }
    }

    /// For how long the brokers that are known are asked in vain before the bootstrap list is;
    /// `None`: it never is.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match self.metadata_recovery {
            MetadataRecovery::Rebootstrap => Some(self.rebootstrap_trigger),
            MetadataRecovery::None => None,
        }
    }

    /// Reads the bootstrap list and checks every setting.
    pub(crate) fn checked(mut self) -> Result<Self, ConfigError> {
        self.bootstrap = BrokerAddress::parse_list(&self.bootstrap_text)
            .map_err(|e| ConfigError::Bootstrap { reason: e.to_string() })?;
        check_durations(&[
            ("request_timeout", "request.timeout.ms", self.request_timeout),
            ("api_timeout", "default.api.timeout.ms", self.api_timeout),
            (
                "connection_setup_timeout",
                "socket.connection.setup.timeout.ms",
                self.connection_setup_timeout,
            ),
            ("reconnect_backoff", "reconnect.backoff.ms", self.reconnect_backoff),
            ("reconnect_backoff", "reconnect.backoff.max.ms", self.reconnect_backoff_max),
            ("retry_backoff", "retry.backoff.ms", self.retry_backoff),
            ("retry_backoff", "retry.backoff.max.ms", self.retry_backoff_max),
            ("metadata_max_age", "metadata.max.age.ms", self.metadata_max_age),
            ("connections_idle_max", "connections.max.idle.ms", self.connections_idle_max),
        ])?;
        let trigger = ("rebootstrap_trigger", "metadata.recovery.rebootstrap.trigger.ms");
        check_wait(trigger.0, trigger.1, self.rebootstrap_trigger)?;
        for (setting, property, first, max) in [
            (
                "reconnect_backoff",
                "reconnect.backoff.ms",
                self.reconnect_backoff,
                self.reconnect_backoff_max,
            ),
            ("retry_backoff", "retry.backoff.ms", self.retry_backoff, self.retry_backoff_max),
        ] {
            if first > max {
                let rule =
                    format!("the first wait, {first:?}, must not exceed the longest, {max:?}");
                return Err(ConfigError::invalid(setting, property, first, rule));
            }
        }
        self.check_sizes()
    }

    fn check_sizes(self) -> Result<Self, ConfigError> {
        let id = &*self.client_id;
        let printable = id.chars().all(|c| !c.is_control());
        if id.is_empty() || id.len() > CLIENT_ID_BYTES_MAX || !printable {
            let rule = "must have 1 to 249 bytes, none of them a control character";
            return Err(ConfigError::invalid("client_id", "client.id", id, rule));
        }
        let limit = self.response_bytes_max;
        if !(RESPONSE_BYTES_MIN..=RESPONSE_BYTES_MAX).contains(&limit) {
            let property = "none; librdkafka: receive.message.max.bytes";
            let rule = "must be between 64 KiB and 2 GiB";
            return Err(ConfigError::invalid("response_bytes_max", property, limit, rule));
        }
        Ok(self)
    }
}

/// Whether this is the text of a certificate or a key, which may stand where a path was meant: a key
/// must not be shown.
pub(crate) fn is_pem(text: &str) -> bool {
    text.contains("-----BEGIN") || text.contains('\n')
}

/// Refuses what is below 1 ms, and so would make a loop spin, or beyond a year.
pub(crate) fn check_durations(
    settings: &[(&'static str, &'static str, Duration)],
) -> Result<(), ConfigError> {
    for &(setting, property, value) in settings {
        if value < Duration::from_millis(1) || value > DURATION_MAX {
            let rule = "must be between 1 ms and one year";
            return Err(ConfigError::invalid(setting, property, value, rule));
        }
    }
    Ok(())
}

/// Refuses what is beyond a year; zero means not to wait.
pub(crate) fn check_wait(
    setting: &'static str,
    property: &'static str,
    value: Duration,
) -> Result<(), ConfigError> {
    if value > DURATION_MAX {
        return Err(ConfigError::invalid(setting, property, value, "must be at most one year"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_setting_is_refused_with_its_name_and_kafkas() {
        let base = || ClientConfig::with_bootstrap("a:1");
        let zero = Duration::ZERO;
        for (config, text) in [
            (
                ClientConfig { request_timeout: zero, ..base() },
                "request_timeout (Kafka: request.timeout.ms) is 0ns: must be between 1 ms and one \
                 year",
            ),
            (
                ClientConfig { reconnect_backoff: Duration::from_secs(2), ..base() },
                "reconnect_backoff (Kafka: reconnect.backoff.ms) is 2s: the first wait, 2s, must \
                 not exceed the longest, 1s",
            ),
            (
                ClientConfig { client_id: Str::from(""), ..base() },
                "client_id (Kafka: client.id) is \"\": must have 1 to 249 bytes, none of them a \
                 control character",
            ),
            (
                ClientConfig { response_bytes_max: 1, ..base() },
                "response_bytes_max (Kafka: none; librdkafka: receive.message.max.bytes) is 1: \
                 must be between 64 KiB and 2 GiB",
            ),
            (
                ClientConfig { rebootstrap_trigger: Duration::MAX, ..base() },
                "rebootstrap_trigger (Kafka: metadata.recovery.rebootstrap.trigger.ms) is \
                 18446744073709551615.999999999s: must be at most one year",
            ),
            (
                ClientConfig::with_bootstrap("kafka"),
                "bootstrap list (Kafka: bootstrap.servers) \"kafka\" has no port: expected \
                 host:port",
            ),
        ] {
            assert_eq!(config.checked().unwrap_err().to_string(), text);
        }
        assert_eq!(base().checked().unwrap().bootstrap.len(), 1);
    }
}
