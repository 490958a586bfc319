//! A connection against a peer that follows a script, on a network in memory and a paused clock.

mod faults;
mod layers;
mod order;

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::frame::FrameSplitter;
use ottla_protocol::ids::{CorrelationId, NodeId};
use ottla_protocol::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use ottla_protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use ottla_protocol::{
    ApiKey, ErrorCode, Message, Reader, RequestHeader, Str, decode_request_header, encode_response,
};
use ottla_runtime::net::memory::{MemoryListener, MemoryNetwork};
use ottla_runtime::net::{Halves, Listener};
use ottla_runtime::{Clock, Instant, Scope};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::address::BrokerAddress;
use super::connection::{Call, Connection, Env, Unreached};
use super::layers::Layers;
use crate::config::ClientConfig;

const TIMEOUT: Duration = Duration::from_secs(30);
const METADATA_VERSION: i16 = 13;

/// A connection, and the side a broker has.
struct Stage {
    connection: Connection,
    network: MemoryNetwork,
    listener: MemoryListener,
    clock: Clock,
    scope: Scope,
}

impl Stage {
    fn new() -> Self {
        Self::with_layers(Layers::default())
    }

    fn with_layers(layers: Layers) -> Self {
        let network = MemoryNetwork::new();
        let listener = network.bind("kafka", 9092).unwrap();
        let mut config = ClientConfig::with_bootstrap("localhost:9092").checked().unwrap();
        config.client_id = Str::from_static("tester");
        config.response_bytes_max = 100_000;
        let (clock, scope) = (Clock::system(), Scope::current().unwrap());
        let connector = Box::new(network.clone());
        let env = env(config, connector, clock.clone(), scope.clone(), layers);
        let address = BrokerAddress { host: Str::from_static("kafka"), port: 9092 };
        let connection = Connection::new(Arc::new(env), Some(NodeId(1)), Some(address), 7);
        Self { connection, network, listener, clock, scope }
    }

    /// Asks for a topic; its name tells the requests of a test apart.
    fn ask(&self, name: &str) -> Call<MetadataRequest> {
        self.ask_within(name, TIMEOUT)
    }

    fn ask_within(&self, name: &str, timeout: Duration) -> Call<MetadataRequest> {
        self.connection.call(request(name), timeout)
    }

    async fn accept(&self) -> Peer {
        Peer::new(self.listener.accept().await.unwrap())
    }

    /// Accepts and says which versions there are.
    async fn accept_kafka(&self) -> Peer {
        let mut peer = self.accept().await;
        let (header, _) = peer.request().await.unwrap();
        assert_eq!(ApiKey(header.api_key), ApiKey::API_VERSIONS);
        peer.answer_versions(&header).await;
        peer
    }

    /// Lets the tasks do what they can without time passing.
    async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    fn at(&self, ms: u64) -> bool {
        self.clock.now() == Instant::from_millis(ms)
    }
}

fn env(
    config: ClientConfig,
    connector: Box<MemoryNetwork>,
    clock: Clock,
    scope: Scope,
    layers: Layers,
) -> Env {
    Env { config, connector, clock, scope, layers, unreached: Unreached::default() }
}

fn request(name: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(Str::from(name)), ..Default::default() };
    MetadataRequest { topics: Some(vec![topic]), ..Default::default() }
}

/// What the broker's side does.
pub(crate) struct Peer {
    pub(crate) halves: Halves,
    splitter: FrameSplitter,
}

impl Peer {
    pub(crate) fn new(halves: Halves) -> Self {
        Self { halves, splitter: FrameSplitter::new(1_000_000) }
    }

    /// The next request and its body; `None` when the client closed.
    pub(crate) async fn request(&mut self) -> Option<(RequestHeader, Reader)> {
        loop {
            if let Some(frame) = self.splitter.next().unwrap() {
                let mut reader = Reader::new(frame);
                let header = decode_request_header(&mut reader).unwrap();
                return Some((header, reader));
            }
            if self.halves.read.read_buf(self.splitter.buffer()).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The name in the next metadata request, and its header.
    async fn asked(&mut self) -> (RequestHeader, String) {
        let (header, mut reader) = self.request().await.expect("a request");
        assert_eq!(ApiKey(header.api_key), ApiKey::METADATA);
        let request = MetadataRequest::decode(&mut reader, header.api_version).unwrap();
        let name = request.topics.unwrap().remove(0).name.unwrap();
        (header, name.to_string())
    }

    pub(crate) async fn answer_versions(&mut self, header: &RequestHeader) {
        let api = |key: ApiKey, max_version| ApiVersion {
            api_key: key.0,
            min_version: 0,
            max_version,
            ..ApiVersion::default()
        };
        let api_keys = vec![
            api(ApiKey::PRODUCE, 12),
            api(ApiKey::METADATA, METADATA_VERSION),
            api(ApiKey::API_VERSIONS, 4),
            api(ApiKey::CREATE_TOPICS, 7),
            api(ApiKey::DELETE_TOPICS, 6),
            api(ApiKey::DESCRIBE_LOG_DIRS, 4),
            api(ApiKey::LIST_OFFSETS, 8),
        ];
        let response = ApiVersionsResponse { api_keys, ..Default::default() };
        let frame = encode(&response, header);
        self.write(&frame).await;
    }

    /// Answers a metadata request; the name comes back as the id of the cluster.
    async fn answer(&mut self, header: &RequestHeader, name: &str) {
        self.write(&answer(header, name, 0)).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.halves.write.write_all(bytes).await.unwrap();
    }

    /// Whether the client closed without another request.
    async fn is_closed(&mut self) -> bool {
        self.request().await.is_none()
    }
}

fn answer(header: &RequestHeader, name: &str, throttle_time_ms: i32) -> Bytes {
    let cluster_id = Some(Str::from(name));
    encode(&MetadataResponse { cluster_id, throttle_time_ms, ..Default::default() }, header)
}

pub(crate) fn encode<M: Message>(response: &M, header: &RequestHeader) -> Bytes {
    let key = ApiKey(header.api_key);
    encode_response(response, header.api_version, key, header.correlation_id).unwrap().into_bytes()
}

fn name_of(response: MetadataResponse) -> String {
    response.cluster_id.unwrap().to_string()
}

fn refusal(header: &RequestHeader, offered: i16) -> Bytes {
    let key = ApiVersion {
        api_key: ApiKey::API_VERSIONS.0,
        min_version: 0,
        max_version: offered,
        ..Default::default()
    };
    let error_code = ErrorCode::UNSUPPORTED_VERSION;
    let response = ApiVersionsResponse { error_code, api_keys: vec![key], ..Default::default() };
    let id: CorrelationId = header.correlation_id;
    encode_response(&response, 0, ApiKey::API_VERSIONS, id).unwrap().into_bytes()
}
