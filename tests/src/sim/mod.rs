//! A whole system from one seed: real clients and real nodes on machines, disks and a network that
//! misbehave. It runs in one paused runtime.

pub mod disk;
pub mod network;
mod pipe;

pub use pipe::{FLIP_HERE, Pace};
