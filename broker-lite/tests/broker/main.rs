//! The broker as a client sees it: raw frames over a network in memory, on a paused clock.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod admin;
mod alter;
mod answers;
mod compact;
mod configs;
mod faults;
mod honoured;
mod limits;
mod offsets;
mod producers;
mod raw;
mod records;
mod restart;
mod session;
mod stop;
mod topics;
mod trim;
