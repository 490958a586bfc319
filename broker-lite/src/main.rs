//! The `broker-lite` binary.
fn main() {}
