//! The broker as a client sees it: raw frames over a network in memory, on a paused clock.

mod raw;
mod records;
mod session;

mod topics;
