//! A stream cut into frames: the same ones however it arrives, and memory only for what arrived.

use bytes::Bytes;
use ottla_protocol::frame::{FrameError, FrameSplitter};

use crate::{choice, peak_of};

/// Two bytes of limit, one that says in which steps bytes arrive, and what a peer sends.
pub fn frame(mut data: &[u8]) {
    let limit = usize::from(choice(&mut data)) << 8 | usize::from(choice(&mut data));
    let steps = choice(&mut data);
    let (frames, error) = split_at_once(data, limit);

    let ((), peak) = peak_of(|| {
        let mut splitter = FrameSplitter::new(limit);
        let mut seen = 0;
        let (mut sent, mut taken) = (0, 0);
        for step in arrivals(steps) {
            let step = step.min(data.len() - sent);
            let buffer = splitter.buffer();
            assert!(buffer.capacity() > buffer.len(), "no room to read into");
            buffer.extend_from_slice(&data[sent..sent + step]);
            sent += step;
            loop {
                match splitter.next() {
                    Ok(Some(frame)) => {
                        assert_eq!(frame, frames[seen]);
                        seen += 1;
                        taken += 4 + frame.len();
                    }
                    Ok(None) => break,
                    Err(found) => {
                        assert_eq!((Some(&found), seen), (error.as_ref(), frames.len()));
                        assert!(!found.to_string().is_empty());
                        assert_eq!(splitter.next(), Err(found), "a stream that failed stays so");
                        return;
                    }
                }
            }
            assert_eq!(splitter.pending(), sent - taken);
            if sent == data.len() {
                break;
            }
        }
        assert_eq!((seen, error.as_ref()), (frames.len(), None));
    });
    assert!(peak <= 8 * data.len() + 256 * 1024, "{peak} bytes for a stream of {}", data.len());
}

/// The steps in which a stream arrives: at once, byte by byte, or anyhow.
fn arrivals(seed: u8) -> impl Iterator<Item = usize> {
    let mut state = u32::from(seed);
    std::iter::repeat_with(move || match seed {
        0 => usize::MAX,
        1 => 1,
        _ => {
            state = state.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
            usize::from(state.to_be_bytes()[0] >> (seed & 7)) + 1
        }
    })
}

/// What a stream consists of, by its definition: whole frames, and why no further one follows.
fn split_at_once(mut stream: &[u8], limit: usize) -> (Vec<Bytes>, Option<FrameError>) {
    let mut frames = Vec::new();
    while let Some((prefix, rest)) = stream.split_first_chunk::<4>() {
        let claimed = i32::from_be_bytes(*prefix);
        let wrong = match (prefix, usize::try_from(claimed)) {
            (b"GET " | b"POST" | b"PUT " | b"HEAD" | b"DELE" | b"OPTI" | b"HTTP", _) => {
                FrameError::Http
            }
            ([21 | 22, 3, 0..=4, _], _) => FrameError::Tls,
            (_, Err(_)) => FrameError::Negative(claimed),
            (_, Ok(length)) if length > limit => FrameError::TooLarge { length, bytes_max: limit },
            (_, Ok(length)) => {
                let Some((frame, behind)) = rest.split_at_checked(length) else { break };
                frames.push(Bytes::copy_from_slice(frame));
                stream = behind;
                continue;
            }
        };
        return (frames, Some(wrong));
    }
    (frames, None)
}
