//! Why an administrative operation did not do what it was asked to.

use core::time::Duration;

use ottla_protocol::ErrorCode;

use crate::error::CallError;

/// Why an operation of [`Admin`](super::Admin) failed, or failed for one of its items.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The broker refused.
    #[error("{item}: {code}{}", Because(message.as_deref(), *code))]
    Refused {
        /// The topic, resource or cluster it refused to serve.
        item: String,
        /// Kafka's error.
        code: ErrorCode,
        /// What the broker said about it, if it said anything.
        message: Option<String>,
        /// Whether it may have had its effect all the same: the controller only gave up waiting
        /// (`REQUEST_TIMED_OUT`), or an earlier attempt got no answer.
        possibly_done: bool,
    },
    /// The request got no answer, and asking again cannot help.
    #[error("{item}: {source}")]
    Call {
        /// The topic, resource or cluster it was about.
        item: String,
        /// Why.
        source: CallError,
        /// Whether this attempt or an earlier one may have reached the broker, and so may have had
        /// its effect.
        possibly_done: bool,
    },
    /// It was tried until the time was up (Kafka: `default.api.timeout.ms`).
    #[error("{item}: gave up after {timeout:?}: {last}")]
    TimedOut {
        /// The topic, resource or cluster it was about.
        item: String,
        /// How long it was tried.
        timeout: Duration,
        /// How the last attempt failed.
        last: Box<Self>,
        /// Whether an attempt may have reached the broker, and so may have had its effect.
        possibly_done: bool,
    },
    /// The broker's answer does not mention the item.
    #[error("{item}: the broker's answer does not mention it")]
    Unanswered {
        /// The topic or resource.
        item: String,
    },
}

struct Because<'a>(Option<&'a str>, ErrorCode);

impl core::fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, ": {}", self.0.filter(|m| !m.is_empty()).unwrap_or_else(|| self.1.meaning()))
    }
}

impl AdminError {
    /// The same error as the fate of another item, of which an earlier attempt may have had its
    /// effect.
    pub(super) fn about(mut self, name: &str, lost: bool) -> Self {
        match &mut self {
            Self::Refused { item, possibly_done, .. }
            | Self::Call { item, possibly_done, .. }
            | Self::TimedOut { item, possibly_done, .. } => {
                name.clone_into(item);
                *possibly_done = lost;
            }
            Self::Unanswered { item } => name.clone_into(item),
        }
        self
    }

    /// Kafka's error, if a broker answered with one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::TimedOut { last, .. } => last.code(),
            Self::Call { .. } | Self::Unanswered { .. } => None,
        }
    }

    /// Whether the operation may have had its effect all the same.
    #[must_use]
    pub fn possibly_done(&self) -> bool {
        match self {
            Self::Refused { possibly_done, .. }
            | Self::Call { possibly_done, .. }
            | Self::TimedOut { possibly_done, .. } => *possibly_done,
            Self::Unanswered { .. } => true,
        }
    }

    /// Whether trying again may succeed with no change by the user.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Refused { code, .. } => code.is_retriable(),
            Self::Call { source, .. } => source.is_retriable(),
            Self::TimedOut { .. } => true,
            Self::Unanswered { .. } => false,
        }
    }
}
