//! Sockets over TCP, with Nagle's delay off: a batch already is as large as it should be.

use std::io;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::{Connector, Halves, Listener};

/// Connects over TCP, trying each address of a name in turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Connector for Tcp {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Halves>> {
        let host = host.to_owned();
        async move { halves(tokio::net::TcpStream::connect((host, port)).await?) }.boxed()
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
        async move { halves(self.inner.accept().await?.0) }.boxed()
    }

    fn port(&self) -> u16 {
        self.port
    }
}

fn halves(stream: tokio::net::TcpStream) -> io::Result<Halves> {
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?.to_string();
    let (read, write) = stream.into_split();
    Ok(Halves { read: Box::new(read), write: Box::new(write), peer })
}
