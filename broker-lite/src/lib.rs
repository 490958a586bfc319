//! A Kafka broker small enough to start inside a test and real enough to run beside a service.
//!
//! [`Cluster::builder`] starts one in this process; the `broker-lite` binary is a thin shell
//! around the same.

mod api;
mod broker;
pub mod cluster;
pub mod config;
mod controller;
pub mod error;
pub mod fault;
pub mod log;
mod net;
mod quorum;
mod replica;

pub use cluster::{Cluster, ClusterBuilder, ClusterConnector, Compaction, Storage};
pub use config::ConfigError;
pub use error::{CompactError, StartError, StopError};
pub use fault::{Action, Fault, FaultHandle, Faults};
