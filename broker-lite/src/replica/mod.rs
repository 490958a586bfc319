//! Replicas of partitions and who waits for them.

pub(crate) mod append_error;
pub(crate) mod manager;
pub(crate) mod partition;
pub(crate) mod prepare;
pub(crate) mod waiters;
