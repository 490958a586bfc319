//! The codecs by themselves: data of other implementations, limits, damage.

use super::known::hex;
use super::*;

const TEXT: &str = "to be, or not to be, ";
const TIMES: usize = 12;

fn text() -> Vec<u8> {
    TEXT.repeat(TIMES).into_bytes()
}

fn unpack(codec: Compression, input: &[u8], limit: usize) -> Result<Bytes, CompressionError> {
    Decompressor::default().decompress(codec, input, limit)
}

/// What was made by Python's gzip, zlib, python-snappy, lz4 and zstandard, out of [`text`].
const FOREIGN: [(Compression, &str, &str); 13] = [
    (
        Compression::Gzip,
        "with a file name and a time",
        "1f8b080800f1536502ff7265636f7264732e747874002bc957484ad551c82f52c8cb2f512881f04a4686200036f5807a
         fc000000",
    ),
    (
        Compression::Gzip,
        "two members",
        "1f8b08000000000002032bc957484ad551c82f52c8cb2f512881f04aa82b0800094e6a21640000001f8b080000000000
         020353484ad55128c9570051f9450a79f92530dec00a020098eedc1098000000",
    ),
    (
        Compression::Gzip,
        "with every optional field",
        "1f8b081e0000000000030400616263646e616d6500636f6d6d656e7400e2482bc957484ad551c82f52c8cb2f512881f0
         4a4686200036f5807afc000000",
    ),
    (
        Compression::Snappy,
        "one raw block, as librdkafka writes",
        "fc0134746f2062652c206f72206e6f74200d0e0d07fe1500fe1500fe15007e1500",
    ),
    (
        Compression::Snappy,
        "framed in blocks of 100 bytes",
        "82534e41505059000000000100000001000000196434746f2062652c206f72206e6f74200d0e0d07fe15001115000000
         1964182062652c20746f0507146f72206e6f74110efe150019150000001534206f7420746f2062652c11070c6f72206e
         7a1500",
    ),
    (
        Compression::Lz4,
        "with content size and both checksums",
        "04224d187c40fc00000000000000881e000000e3746f2062652c206f72206e6f74200e000307000f1500c8502062652c
         205b575f450000000062ce2563",
    ),
    (
        Compression::Lz4,
        "without either",
        "04224d186040821e000000e3746f2062652c206f72206e6f74200e000307000f1500c8502062652c2000000000",
    ),
    (
        Compression::Lz4,
        "in blocks of up to 4 MiB",
        "04224d186070731e000000e3746f2062652c206f72206e6f74200e000307000f1500c8502062652c2000000000",
    ),
    (
        Compression::Lz4,
        "blocks that are not compressed, by hand",
        "04224d186040821500008074 6f2062652c206f72206e6f7420746f2062652c20 1e000000e3746f2062652c206f7220
         6e6f74200e000307000f1500b3502062652c2000000000",
    ),
    (
        Compression::Zstd,
        "with content size and checksum",
        "28b52ffd24fcc5000070746f2062652c206f72206e6f74200200649c14886c2a019f8c0e08",
    ),
    (
        Compression::Zstd,
        "a stream, without content size",
        "28b52ffd0058c5000070746f2062652c206f72206e6f74200200649c14886c2a01",
    ),
    (
        Compression::Zstd,
        "two frames",
        "28b52ffd2064bd000070746f2062652c206f72206e6f742002008c1301e14e2528b52ffd2098d50000682062652c2074
         6f6f72206e6f740400146702e040cc57241423",
    ),
    (
        Compression::Zstd,
        "behind a frame to be skipped",
        "502a4d1803000000 010203 28b52ffd0058c5000070746f2062652c206f72206e6f74200200649c14886c2a01",
    ),
];

#[test]
fn data_of_other_implementations_is_read() {
    for (codec, what, data) in FOREIGN {
        if codec.is_built_in() {
            let data = hex(data);
            assert_eq!(unpack(codec, &data, LIMIT).unwrap(), text(), "{codec}, {what}");
            // just what it takes is allowed, and not a byte less
            assert_eq!(unpack(codec, &data, text().len()).unwrap(), text(), "{codec}, {what}");
            for bytes_max in [0, 1, text().len() - 1] {
                let error = CompressionError::Oversized { codec, bytes_max };
                assert_eq!(unpack(codec, &data, bytes_max), Err(error), "{codec}, {what}");
            }
        }
    }
}

#[test]
fn data_of_other_implementations_cut_anywhere_is_damaged_or_less() {
    for (codec, what, data) in FOREIGN {
        let data = hex(data);
        for at in 0..data.len() {
            if let Ok(less) = unpack(codec, &data[..at], LIMIT) {
                assert!(text().starts_with(&less) && less.len() < text().len(), "{codec}, {what}");
                // only where one of several parts ends
                assert!(what.contains("two") || codec != Compression::Gzip, "{what} at {at}");
                assert_ne!(codec, Compression::Lz4, "{what} at {at}");
            }
        }
    }
}

#[test]
fn what_kafka_refuses_is_refused() {
    for (codec, data, why) in [
        (Compression::Lz4, "04224d18404082", "dependent blocks are not supported, as in Kafka"),
        (Compression::Lz4, "04224d18a04082", "not a frame of version 1 without a dictionary"),
        (
            Compression::Lz4,
            "04224d1861408201020304",
            "not a frame of version 1 without a dictionary",
        ),
        (Compression::Lz4, "04224d18603082", "the block size of the frame is unknown"),
        (Compression::Lz4, "02214c1800000000", "no lz4 frame"),
        (Compression::Lz4, "04224d1860408201000100", "a block is larger than the frame says"),
        (Compression::Lz4, "04224d186040820000000000", "bytes follow the end mark"),
        (Compression::Gzip, "1f8b09000000000000ff", "no gzip header"),
        (Compression::Gzip, "1f8b08200000000000ff", "no gzip header"),
        (
            Compression::Gzip,
            "1f8b08000000000000ff0300000000000100 0000",
            "its checksum or its size is wrong",
        ),
        (Compression::Snappy, "ffffffff0f00", "a block claims more than its bytes can hold"),
        (
            Compression::Snappy,
            "82534e4150505900 00000001 00000001 00000010 00",
            "the data ends too early",
        ),
    ] {
        let reason = why.to_owned();
        let error = match codec.is_built_in() {
            true => CompressionError::Damaged { codec, reason },
            false => CompressionError::NotBuiltIn(codec),
        };
        assert_eq!(unpack(codec, &hex(data), LIMIT), Err(error), "{data}");
    }
}

#[test]
fn what_is_written_is_framed_as_kafka_frames_it() {
    let pack = |codec, input: &[u8]| {
        let mut out = BytesMut::new();
        Compressor::default().compress(codec, input, &mut out).unwrap();
        out
    };
    for codec in codecs() {
        let small = pack(codec, &text());
        match codec {
            Compression::None => assert_eq!(small, text()),
            Compression::Gzip => assert_eq!(small[..10], hex("1f8b08000000000000ff")),
            Compression::Snappy => {
                assert_eq!(small[..16], hex("82534e41505059000000000100000001"));
                let length = u32::try_from(small.len() - 20).unwrap();
                assert_eq!(small[16..20], length.to_be_bytes());
            }
            Compression::Lz4 => {
                // what Java writes; then data that does not shrink is stored, in blocks of 64 KiB
                assert_eq!(small[..7], hex("04224d18604082"));
                let mut seed = 1_u32;
                let noise = |_| {
                    seed = seed.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
                    seed.to_be_bytes()[0] ^ seed.to_be_bytes()[1]
                };
                let noise: Vec<u8> = (0..65_536 + 3).map(noise).collect();
                let packed = pack(codec, &noise);
                assert_eq!(packed[7..11], 0x8001_0000_u32.to_le_bytes());
                assert_eq!(packed[11 + 65_536..][..4], 0x8000_0003_u32.to_le_bytes());
                assert_eq!(packed.len(), 7 + 4 + 65_536 + 4 + 3 + 4);
                assert_eq!(unpack(codec, &packed, LIMIT).unwrap(), noise);
            }
            // no content size (the upper two bits), no single segment, no checksum
            Compression::Zstd => assert_eq!(small[..5], hex("28b52ffd00")),
        }
    }
}

#[test]
fn levels_are_those_of_the_codec() {
    let mut compressor = Compressor::default();
    let text = text();
    for (codec, low, high) in [(Compression::Gzip, 1, 9), (Compression::Zstd, -131_072, 22)] {
        let (levels, default) = codec.levels().unwrap();
        assert!(levels == (low..=high) && levels.contains(&default));
        for level in [low - 1, high + 1] {
            let error = LevelError::OutOfRange { codec, level, levels: levels.clone() };
            assert_eq!(compressor.set_level(codec, level), Err(error));
        }
        for level in [low, default, high] {
            compressor.set_level(codec, level).unwrap();
            let mut out = BytesMut::new();
            if codec.is_built_in() {
                compressor.compress(codec, &text, &mut out).unwrap();
                assert_eq!(unpack(codec, &out, LIMIT).unwrap(), text);
            }
        }
    }
    for codec in [Compression::None, Compression::Snappy, Compression::Lz4] {
        assert_eq!(compressor.set_level(codec, 1), Err(LevelError::None(codec)));
    }
}

#[test]
fn names_are_kafkas() {
    for codec in Compression::ALL {
        assert_eq!(codec.to_string().parse(), Ok(codec));
        assert_eq!(Compression::from_attributes(codec.attribute()), Some(codec));
    }
    let error = "LZ4".parse::<Compression>().unwrap_err();
    let words = "no codec is called \"LZ4\"; there are none, gzip, snappy, lz4 and zstd";
    assert_eq!(error.to_string(), words);
}

#[test]
fn a_codec_that_failed_works_the_next_time() {
    for codec in codecs().filter(|codec| *codec != Compression::None) {
        let mut packed = BytesMut::new();
        let mut compressor = Compressor::default();
        compressor.compress(codec, &text(), &mut packed).unwrap();
        let mut decompressor = Decompressor::default();
        for _ in 0..3 {
            decompressor.decompress(codec, &packed[..packed.len() - 1], LIMIT).unwrap_err();
            decompressor.decompress(codec, &packed, 7).unwrap_err();
            assert_eq!(decompressor.decompress(codec, &packed, LIMIT).unwrap(), text());
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_of_any_length_come_back(
        seed in vec(any::<u8>(), 0..300), times in 1..2000_usize, cut in 0..100_usize,
    ) {
        let mut plain = seed.repeat(times);
        plain.truncate(plain.len().saturating_sub(cut));
        for codec in codecs() {
            let mut packed = BytesMut::from(&b"front"[..]);
            Compressor::default().compress(codec, &plain, &mut packed).unwrap();
            prop_assert_eq!(&packed[..5], b"front");
            let unpacked = unpack(codec, &packed[5..], plain.len());
            prop_assert_eq!(unpacked.as_deref(), Ok(&plain[..]), "{}", codec);
        }
    }
}
