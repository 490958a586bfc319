//! Compaction: of the records with the same key only the newest stays (Kafka: the log cleaner).
//!
//! `choice` says what of a log is to be cleaned and when. A [`round::Round`] does it, in steps that
//! need no lock of the partition: it maps every key of the dirty part to its newest offset, then
//! copies all segments up to there, through `filter`, into new ones. `swap` puts each of these in
//! the place of those it was made from. `driver` moves the time and the bytes.

pub(crate) mod choice;
pub(crate) mod driver;
mod filter;
mod key_map;
pub(crate) mod round;
pub(crate) mod swap;
#[cfg(test)]
mod tests;
mod transactions;
mod walk;
