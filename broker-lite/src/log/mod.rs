//! What a partition keeps on disk, in Kafka's format, so that Kafka's own tools read it.

pub(crate) mod batch;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub mod bench;
pub(crate) mod checkpoints;
pub(crate) mod cleaner;
pub(crate) mod config;
pub mod disk;
pub(crate) mod epochs;
#[doc(hidden)] // for `log dump|verify`, which is another crate
pub mod format;
pub(crate) mod health;
#[expect(clippy::module_inception, reason = "a log is what it is")]
pub(crate) mod log;
pub(crate) mod manager;
mod meta;
mod offset_index;
pub(crate) mod producers;
pub(crate) mod recovery;
mod retention;
mod scan;
pub(crate) mod segment;
mod snapshot;
pub(crate) mod synced;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod time_index;
mod transactions;
mod trim;
pub(crate) mod txn_index;
