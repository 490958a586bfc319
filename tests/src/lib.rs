//! What tests across crates share. One promise, one file in `tests/`.
//!
//! [`history`] holds what a client was told, [`checkers`] judge it: nothing else is believed.

pub mod chaos;
pub mod checkers;
pub mod history;
pub mod raw;
pub mod readback;
pub mod script;
pub mod simulation;

/// The example in README.md compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
