//! A network inside one process: no ports, no system calls, fit for a paused clock.

use core::fmt;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use super::{Connector, Halves, Listener};

/// How many bytes one direction of a connection holds before its writer waits.
const BUFFER_BYTES: usize = 256 * 1024;
/// How many connections wait to be accepted before a connector waits.
const BACKLOG_MAX: usize = 1024;
/// Where port numbers start that stand for port 0.
const FIRST_FREE_PORT: u16 = 49152;

/// Listeners by host and port. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryNetwork(Arc<Mutex<Ports>>);

#[derive(Default)]
struct Ports {
    listening: BTreeMap<(String, u16), mpsc::Sender<Halves>>,
    connections: u64,
}

impl MemoryNetwork {
    /// A network with nobody on it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens at `host`, any string; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if somebody listens there.
    pub fn bind(&self, host: &str, port: u16) -> io::Result<MemoryListener> {
        let mut ports = self.ports();
        let free = |p: &u16| {
            let at = (host.to_owned(), *p);
            ports.listening.get(&at).is_none_or(mpsc::Sender::is_closed)
        };
        let port = if port == 0 { (FIRST_FREE_PORT..).find(free) } else { Some(port).filter(free) }
            .ok_or_else(|| io::Error::from(io::ErrorKind::AddrInUse))?;
        let (sender, receiver) = mpsc::channel(BACKLOG_MAX);
        ports.listening.insert((host.to_owned(), port), sender);
        Ok(MemoryListener { receiver: AsyncMutex::new(receiver), port })
    }

    /// Hands `far`, one end of a connection that the caller made, to who listens there: a network
    /// that delays, cuts or damages what passes is built of it. Cancel safe: `far` is dropped then.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if nobody listens there.
    pub async fn offer(&self, host: &str, port: u16, far: Halves) -> io::Result<()> {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let listener = self.ports().listening.get(&(host.to_owned(), port)).cloned();
        listener.ok_or_else(refused)?.send(far).await.map_err(|_| refused())
    }

    fn ports(&self) -> MutexGuard<'_, Ports> {
        // nothing panics while holding it
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connector for MemoryNetwork {
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Halves>> {
        let peer = {
            let mut ports = self.ports();
            ports.connections += 1;
            format!("memory:{}", ports.connections)
        };
        let (this, host) = (self.clone(), host.to_owned());
        async move {
            let (near, far) = tokio::io::duplex(BUFFER_BYTES);
            this.offer(&host, port, halves(far, peer)).await?;
            Ok(halves(near, format!("{host}:{port}")))
        }
        .boxed()
    }
}

impl fmt::Debug for MemoryNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ports().listening.keys()).finish()
    }
}

/// Listens on a [`MemoryNetwork`]; dropping it frees the port.
#[derive(Debug)]
pub struct MemoryListener {
    receiver: AsyncMutex<mpsc::Receiver<Halves>>,
    port: u16,
}

impl Listener for MemoryListener {
    fn accept(&self) -> BoxFuture<'_, io::Result<Halves>> {
        async move {
            let next = self.receiver.lock().await.recv().await;
            next.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
        }
        .boxed()
    }

    fn port(&self) -> u16 {
        self.port
    }
}

fn halves(stream: tokio::io::DuplexStream, peer: String) -> Halves {
    let (read, write) = tokio::io::split(stream);
    Halves { read: Box::new(read), write: Box::new(write), peer }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn bytes_cross_and_a_dropped_listener_refuses() {
        let network = MemoryNetwork::new();
        let listener = network.bind("node-1", 0).unwrap();
        let port = listener.port();
        assert_eq!(
            network.bind("node-1", port).unwrap_err().kind(),
            io::ErrorKind::AddrInUse,
            "taken"
        );
        let mut near = network.connect("node-1", port).await.unwrap();
        let mut far = listener.accept().await.unwrap();
        near.write.write_all(b"ping").await.unwrap();
        let mut got = [0; 4];
        far.read.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"ping");
        drop(listener);
        let refused = network.connect("node-1", port).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        network.bind("node-1", port).unwrap();
    }
}
