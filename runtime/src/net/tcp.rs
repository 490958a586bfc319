//! Sockets over TCP, with Nagle's delay off: a batch already is as large as it should be.

use std::io;
use std::net::SocketAddr;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Connector, Halves, Listener};

/// Connects over TCP, trying each address of a name in turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Connector for Tcp {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Halves>> {
        let host = host.to_owned();
        async move {
            let stream = tokio::net::TcpStream::connect((host, port)).await?;
            let peer = stream.peer_addr()?;
            halves(stream, peer)
        }
        .boxed()
    }
}

/// Listens on TCP.
#[derive(Debug)]
pub struct TcpListener {
    inner: tokio::net::TcpListener,
    port: u16,
}

impl TcpListener {
    /// Binds to `host`; port 0 takes any free one.
    ///
    /// # Errors
    ///
    /// The system's: the address is in use, or is none of this machine's.
    pub async fn bind(host: &str, port: u16) -> io::Result<Self> {
        let inner = tokio::net::TcpListener::bind((host, port)).await?;
        let port = inner.local_addr()?.port();
        Ok(Self { inner, port })
    }
}

impl Listener for TcpListener {
    fn accept(&self) -> BoxFuture<'_, io::Result<Halves>> {
        async move {
            loop {
                // a peer that is gone already concerns nobody else: its session meets the end, or
                // the next connection is taken
                match self.inner.accept().await {
                    Ok((stream, peer)) => match halves(stream, peer) {
                        Ok(halves) => return Ok(halves),
                        Err(error) => tracing::debug!(%peer, %error, "connection lost at once"),
                    },
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        .boxed()
    }

    fn port(&self) -> u16 {
        self.port
    }
}

/// `peer` is not asked of the stream: a connection that was reset has none any more.
fn halves(stream: tokio::net::TcpStream, peer: SocketAddr) -> io::Result<Halves> {
    stream.set_nodelay(true)?;
    let (read, write) = stream.into_split();
    Ok(Halves { read: Box::new(read), write: Box::new(write), peer: peer.to_string() })
}

/// Whether the connection failed that was to be accepted, not the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_peer_that_reset_before_it_was_accepted_fails_nobody_else() {
        let listener = TcpListener::bind("127.0.0.1", 0).await.unwrap();
        let at = ("127.0.0.1", listener.port());
        let reset = tokio::net::TcpStream::connect(at).await.unwrap();
        let address = reset.local_addr().unwrap();
        reset.set_zero_linger().unwrap();
        drop(reset);
        let mut next = Tcp.connect(at.0, at.1).await.unwrap();
        next.write.write_all(b"x").await.unwrap();
        let mut accepted = listener.accept().await.unwrap();
        if accepted.peer == address.to_string() {
            assert!(accepted.read.read_u8().await.is_err(), "it was reset");
            accepted = listener.accept().await.unwrap();
        }
        assert_eq!(accepted.read.read_u8().await.unwrap(), b'x');
    }
}
