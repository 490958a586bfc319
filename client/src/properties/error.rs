//! What is wrong with properties, where, and what to do about it.

use core::fmt;

use crate::config::ConfigError;

/// Where a property was given.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Origin {
    /// In a file.
    Line {
        /// The file's name, as the caller gave it.
        file: String,
        /// The line it starts at, counted from 1.
        line: usize,
    },
    /// By the program, as with [`Properties::set`](super::Properties::set).
    Program,
}

impl Origin {
    pub(super) fn line(file: &str, line: usize) -> Self {
        Self::Line { file: file.to_owned(), line }
    }
}

impl fmt::Display for Origin {
    /// With what separates it from the text behind it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{file}:{line}: "),
            Self::Program => Ok(()),
        }
    }
}

/// Why properties cannot be used. Nothing was opened or sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PropertiesError {
    /// A line of a file cannot be read.
    #[error("{at}{reason}")]
    Syntax {
        /// Which line.
        at: Origin,
        /// What is wrong with it, and what was expected.
        reason: String,
    },
    /// Neither Kafka's clients nor librdkafka have such a property.
    #[error("{at}{property} is no property of Kafka's clients or librdkafka{}", Nearest(nearest))]
    Unknown {
        /// Where it was given.
        at: Origin,
        /// The property.
        property: String,
        /// The known property whose name is nearest, if one is near.
        nearest: Option<&'static str>,
    },
    /// Kafka's clients or librdkafka have the property, and this client does not.
    #[error("{at}{property} is known but not supported: {advice}")]
    Unsupported {
        /// Where it was given.
        at: Origin,
        /// The property.
        property: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// A property has a value it cannot have.
    #[error("{at}{property} is {value}: {rule}")]
    Value {
        /// Where it was given.
        at: Origin,
        /// The property, by the name it was given.
        property: String,
        /// Its value, quoted; not shown if it may be secret.
        value: String,
        /// What it must be.
        rule: String,
    },
    /// A property that is needed was not given.
    #[error("{property} is missing: {rule}")]
    Missing {
        /// The property.
        property: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// The values do not go together, or one is out of bounds.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

struct Nearest<'a>(&'a Option<&'static str>);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, ": did you mean {name}?"),
            None => f.write_str(": check its spelling, or leave it out"),
        }
    }
}
