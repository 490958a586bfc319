//! The socket seam: whoever connects or listens gets a read half and a write half, boxed.
//!
//! [`tcp`] is the network; [`memory`] is a network inside one process, for tests.

pub mod memory;
pub mod tcp;

use core::fmt;
use std::io;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

/// The two directions of one connection. Each transport splits its cheapest way.
pub struct Halves {
    /// What the peer sends.
    pub read: Box<dyn AsyncRead + Send + Unpin>,
    /// What the peer receives; vectored writes pass through where the transport has them.
    pub write: Box<dyn AsyncWrite + Send + Unpin>,
    /// The peer's address, for logs.
    pub peer: String,
}

impl fmt::Debug for Halves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Halves(with {})", self.peer)
    }
}

/// Opens connections: [`tcp::Tcp`], [`memory::MemoryNetwork`], or a user's own (proxy, TLS).
pub trait Connector: Send + Sync + 'static {
    /// Connects to `host`, a name or an address without brackets. Cancel safe.
    ///
    /// # Errors
    ///
    /// Whatever the transport met: a name that does not resolve, a refusal.
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Halves>>;
}

/// Takes connections that others open.
pub trait Listener: Send + Sync + 'static {
    /// The next connection. Cancel safe.
    ///
    /// # Errors
    ///
    /// Whatever the transport met; the listener stays usable, as after a lack of descriptors.
    fn accept(&self) -> BoxFuture<'_, io::Result<Halves>>;

    /// The port it listens on, also when it was asked for port 0.
    fn port(&self) -> u16;
}
