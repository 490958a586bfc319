//! A client that sends whatever bytes a test wants: no retries, no checks, no mercy.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ottla_protocol::ids::CorrelationId;
use ottla_protocol::{Request, decode_response, encode_request};
use ottla_runtime::net::tcp::Tcp;
use ottla_runtime::net::{Connector, Halves};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long a test waits for the peer before it fails: far longer than a healthy peer needs.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// One connection.
#[derive(Debug)]
pub struct RawClient {
    halves: Halves,
    next_id: i32,
}

impl RawClient {
    /// Connects to a port of this machine.
    ///
    /// # Errors
    ///
    /// The system's.
    pub async fn connect(port: u16) -> io::Result<Self> {
        Ok(Self::over(Tcp.connect("127.0.0.1", port).await?))
    }

    /// Connects to `HOST:PORT`.
    ///
    /// # Errors
    ///
    /// The system's, or that this is no address.
    pub async fn connect_to(address: &str) -> io::Result<Self> {
        let parts =
            address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = parts.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self::over(Tcp.connect(host, port).await?))
    }

    /// Speaks over a connection that is open.
    #[must_use]
    pub const fn over(halves: Halves) -> Self {
        Self { halves, next_id: 0 }
    }

    /// Sends `bytes` as they are. A peer that has hung up is no error: that is for [`Self::closed`].
    pub async fn send(&mut self, bytes: &[u8]) {
        let _sent = self.halves.write.write_all(bytes).await;
    }

    /// Says that nothing more will be sent.
    pub async fn end(&mut self) {
        let _ended = self.halves.write.shutdown().await;
    }

    /// The bytes of `request` as a whole frame.
    ///
    /// # Panics
    ///
    /// If `version` cannot carry the request.
    pub fn frame<R: Request>(&mut self, request: &R, version: i16) -> Bytes {
        self.next_id += 1;
        let id = CorrelationId(self.next_id);
        encode_request(request, version, id, Some("raw")).expect("a request").into_bytes()
    }

    /// Sends `request` and waits for its response.
    ///
    /// # Panics
    ///
    /// If there is none, or it is not for this request.
    pub async fn call<R: Request>(&mut self, request: &R, version: i16) -> R::Response {
        let frame = self.frame(request, version);
        self.send(&frame).await;
        let reply = self.reply().await.expect("a reply");
        let (id, response) = decode_response::<R>(reply, version).expect("a response");
        assert_eq!(id, CorrelationId(self.next_id), "the response is for another request");
        response
    }

    /// The next frame without its length; `None` if the peer hung up.
    ///
    /// # Panics
    ///
    /// If nothing comes within [`PATIENCE`].
    pub async fn reply(&mut self) -> Option<Bytes> {
        let reading = async {
            let length = self.halves.read.read_i32().await.ok()?;
            let mut frame = BytesMut::zeroed(usize::try_from(length).ok()?);
            self.halves.read.read_exact(&mut frame).await.ok()?;
            Some(frame.freeze())
        };
        in_time(reading).await
    }

    /// Waits until the peer hangs up; what it still says is thrown away.
    ///
    /// # Panics
    ///
    /// If it does not within [`PATIENCE`].
    pub async fn closed(&mut self) {
        in_time(async {
            let mut waste = BytesMut::new();
            while self.halves.read.read_buf(&mut waste).await.is_ok_and(|n| n > 0) {
                waste.clear();
            }
        })
        .await;
    }
}

/// What `work` comes to.
///
/// # Panics
///
/// If that takes longer than [`PATIENCE`].
#[expect(clippy::disallowed_methods, reason = "a bound on waiting for another process")]
pub async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("the peer neither answers nor hangs up")
}
