//! A whole system from one seed: real clients and real nodes on machines, disks and a network that
//! misbehave. It runs in one paused runtime.

pub mod disk;
mod nemesis;
pub mod network;
mod pipe;
pub mod plan;
pub mod world;

pub use pipe::{FLIP_HERE, Pace};
