//! Replicas of partitions and who waits for them.

pub(crate) mod waiters;
