//! See `fuzz::codec`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    fuzz::codec(ottla_protocol::record::Compression::Gzip, data);
});
