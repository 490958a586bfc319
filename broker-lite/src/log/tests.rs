//! What a data directory must survive: a crash after any change to the disk, and the failure of any
//! call to it.

mod crashes;
mod expected;
mod faults;
mod model;
mod script;
mod transactions;
