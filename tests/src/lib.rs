//! What tests across crates share. One promise, one file in `tests/`.
//!
//! A history holds what clients were told, [`judge`] judges it: nothing else is believed.

pub mod chaos;
pub mod history;
pub mod judge;
pub mod raw;
pub mod readback;
pub mod script;
pub mod session;
pub mod sim;
pub mod simulation;
pub mod workload;

/// The example in README.md compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
