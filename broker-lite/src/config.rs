//! Broker settings by Kafka's names.

/// A setting that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No setting has this name.
    #[error("unknown setting {name}; did you mean {nearest}?")]
    Unknown {
        /// The name given.
        name: String,
        /// The known name most like it.
        nearest: &'static str,
    },
    /// Kafka has this setting, this broker does not act on it yet.
    #[error("setting {0} is not supported yet")]
    Unsupported(&'static str),
    /// The value is malformed or out of range.
    #[error("{name}={value}: {expected} expected")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// The value given.
        value: String,
        /// What would be right.
        expected: String,
    },
}
