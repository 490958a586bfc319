//! See `fuzz::metadata_records`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::metadata_records(data));
