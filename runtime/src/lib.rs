//! What Ottla's drivers stand on and tests replace: the clock, the scope of tasks, sockets,
//! values to wait for.
//!
//! Machines and ledgers get [`Instant`]s as arguments; only drivers hold a [`Clock`].

pub mod clock;
pub mod net;
pub mod scope;
pub mod watch;

pub use clock::{Clock, Elapsed, Instant};
pub use scope::Scope;
