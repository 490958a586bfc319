//! Why a broker did not start or did not stop in order.

use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;

/// Why [`ClusterBuilder::start`](crate::ClusterBuilder::start) failed. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is unknown, malformed or out of range.
    #[error("configuration")]
    Config(#[from] ConfigError),
    /// There is no tokio runtime to run on.
    #[error("start the cluster inside a tokio runtime")]
    NoRuntime(#[from] ottla_runtime::scope::NoRuntime),
    /// Another process, or another broker of this one, uses the data directory.
    #[error("data directory {0} is in use by another broker; stop it or choose another directory")]
    DataDirInUse(PathBuf),
    /// The data directory cannot be made, read or written.
    #[error("data directory {path} cannot be used")]
    DataDir {
        /// Which directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The data directory belongs to another broker, or to another kind of it.
    #[error("data directory holds {what} {found}, not {expected}; choose another directory")]
    Identity {
        /// The name in `meta.properties`.
        what: &'static str,
        /// What the directory holds.
        found: String,
        /// What was asked for.
        expected: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {host}:{port}; port 0 takes any free one")]
    Listen {
        /// The host asked for.
        host: String,
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The metadata log could not be read or written.
    #[error("metadata log: {0}")]
    Metadata(String),
    /// A topic of the builder was refused.
    #[error("topic {topic}: {reason}")]
    Topic {
        /// Its name.
        topic: String,
        /// Kafka's error and what to do.
        reason: String,
    },
    /// A partition's log could not be opened.
    #[error("log of {topic}-{partition}: {reason}")]
    Log {
        /// Its topic.
        topic: String,
        /// Its index.
        partition: i32,
        /// What the log said.
        reason: String,
    },
    /// The thread of [`ClusterBuilder::own_thread`](crate::ClusterBuilder::own_thread) ended.
    #[error("the thread of the cluster could not be started or ended early")]
    Thread,
}

/// What went wrong in a stop. The broker is down all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopError {
    /// A log could not be synced or its clean-shutdown marker not written: the next start recovers.
    #[error("not everything was written: {0}; the next start will recover the logs")]
    Flush(String),
    /// The thread of the cluster had already ended.
    #[error("the thread of the cluster had already ended")]
    Thread,
}

/// Why [`Cluster::compact`](crate::Cluster::compact) did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// There is no such topic.
    #[error("there is no topic {0}")]
    NoSuchTopic(String),
    /// Records of its keys are all kept.
    #[error("topic {0} has no cleanup.policy=compact")]
    Policy(String),
    /// A log could not be read or written, or holds a damaged batch.
    #[error("a log could not be compacted")]
    Io(#[from] io::Error),
}
