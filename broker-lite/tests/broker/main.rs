//! The broker as a client sees it: raw frames over a network in memory, on a paused clock.

mod faults;
mod raw;
mod records;
mod restart;
mod session;
mod topics;
