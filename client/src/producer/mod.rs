//! The producer.
#![allow(dead_code, unreachable_pub)]
pub(crate) mod accumulator;
pub(crate) mod batch;
mod delivery;
mod error;
mod gate;
mod lane;
mod memory;
mod outbox;
mod partitioner;
mod record;
mod recovery;
mod replies;
mod sealer;
mod sequencer;
mod verdict;
pub use delivery::*;
pub use error::*;
pub use record::*;
