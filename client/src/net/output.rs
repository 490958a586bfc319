//! What waits to be written to one socket, chunk by chunk, never concatenated.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};
use tokio::io::AsyncWrite;

/// How many chunks one vectored write takes; more gain nothing.
const SLICES_MAX: usize = 32;

/// Chunks in order. Counts bytes since the connection was opened.
#[derive(Debug, Default)]
pub(crate) struct Output {
    chunks: VecDeque<Bytes>,
    taken: u64,
    written: u64,
    /// Whether the socket may still hold back what it took, as one that encrypts does.
    unflushed: bool,
}

impl Output {
    /// Appends one frame; gives the count of bytes taken up to its end.
    pub(crate) fn push(&mut self, chunks: impl IntoIterator<Item = Bytes>) -> u64 {
        for chunk in chunks {
            if !chunk.is_empty() {
                self.taken = self.taken.saturating_add(count(chunk.len()));
                self.chunks.push_back(chunk);
            }
        }
        self.taken
    }

    /// How many bytes the socket has taken.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    /// Whether everything is written and flushed.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty() && !self.unflushed
    }

    /// Writes as much as the socket takes in one call, and flushes behind the last chunk. A chunk
    /// is let go of once it is written.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Poll<io::Result<()>> {
        if !self.chunks.is_empty() {
            ready!(self.poll_chunks(cx, socket))?;
        }
        if self.chunks.is_empty() {
            ready!(Pin::new(socket).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_chunks(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Poll<io::Result<()>> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut filled = 0;
        for (slot, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slot = IoSlice::new(chunk);
            filled += 1;
        }
        let slices = slices.get(..filled).unwrap_or_default();
        let n = ready!(Pin::new(socket).poll_write_vectored(cx, slices))?;
        if n == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.on_written(n);
        Poll::Ready(Ok(()))
    }

    fn on_written(&mut self, mut n: usize) {
        self.written = self.written.saturating_add(count(n));
        self.unflushed = true;
        while let Some(first) = self.chunks.front_mut() {
            if n < first.len() {
                first.advance(n);
                break;
            }
            n -= first.len();
            self.chunks.pop_front();
        }
        assert!(self.written <= self.taken); // a socket takes no more than it is given
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX) // usize has at most 64 bits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most 3 bytes at a time.
    #[derive(Default)]
    struct Narrow(Vec<u8>);

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let n = bytes.len().min(3);
            self.0.extend_from_slice(&bytes[..n]);
            Poll::Ready(Ok(n))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Keeps everything until it is flushed, which takes two attempts.
    #[derive(Default)]
    struct Hoarder {
        held: Vec<u8>,
        passed: Vec<u8>,
        asked: bool,
    }

    impl AsyncWrite for Hoarder {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.held.extend_from_slice(bytes);
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.asked = !self.asked;
            if self.asked {
                return Poll::Pending;
            }
            let this = &mut *self;
            this.passed.append(&mut this.held);
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_a_socket_holds_back_is_not_forgotten() {
        let mut output = Output::default();
        let mut socket = Hoarder::default();
        let mut cx = Context::from_waker(core::task::Waker::noop());
        output.push([Bytes::from_static(b"hello")]);
        assert!(output.poll_write(&mut cx, &mut socket).is_pending());
        assert!(!output.is_empty() && socket.passed.is_empty());
        assert!(output.poll_write(&mut cx, &mut socket).is_ready());
        assert!(output.is_empty());
        assert_eq!(socket.passed, b"hello");
    }

    #[test]
    fn short_writes_lose_and_repeat_nothing() {
        let mut output = Output::default();
        let mut socket = Narrow::default();
        let end = output.push([&b"hello "[..], b"", b"wide", b" "].map(Bytes::from_static));
        assert_eq!(end, 11, "empty chunks count nothing");
        assert_eq!(output.push([Bytes::from_static(b"world")]), 16);
        let mut cx = Context::from_waker(core::task::Waker::noop());
        while !output.is_empty() {
            assert!(output.poll_write(&mut cx, &mut socket).is_ready());
            assert_eq!(output.written(), u64::try_from(socket.0.len()).unwrap());
        }
        assert_eq!(socket.0, b"hello wide world");
    }
}
