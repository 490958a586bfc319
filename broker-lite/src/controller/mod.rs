//! The controller: the cluster's metadata as a log, and what follows from it.
//!
//! [`ledger`] decides, [`image`] is what the decisions add up to, [`records`] is how they stand in
//! `__cluster_metadata`, [`log`] keeps them there and [`driver`] is the task that does one change
//! after the other.

pub(crate) mod driver;
pub(crate) mod image;
pub(crate) mod ledger;
pub(crate) mod log;
pub(crate) mod names;
pub(crate) mod records;
