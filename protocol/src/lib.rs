//! The Kafka wire format. Bytes in, values out: no I/O, no clock, no runtime.

pub mod ids;
