//! See `fuzz::internal_records`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::internal_records(data));
