//! What the broker answers: one table of APIs, one file with one handler each.

mod alter_configs;
mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod elect_leaders;
mod fetch;
mod find_coordinator;
mod incremental_alter_configs;
mod init_producer_id;
mod leaders;
mod list_config_resources;
mod list_offsets;
mod list_partition_reassignments;
mod metadata;
mod offset_for_leader_epoch;
mod produce;
mod table;
mod update_features;

use core::future::Future;
use core::ops::RangeInclusive;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use futures::future::BoxFuture;
use ottla_protocol::Str;
use ottla_protocol::api_key::ApiKey;
use ottla_protocol::header::{RequestHeader, encode_response};
use ottla_protocol::ids::{AuthorizedOperations, CorrelationId};
use ottla_protocol::schema::Request;
use ottla_protocol::wire::{EncodedFrame, Reader};
use tracing::debug;

pub(crate) use fetch::sessions::Sessions;
pub(crate) use table::TABLE;

use crate::broker::Broker;
use crate::fault::Verdict;
use crate::net::{Close, Local, Outcome};

/// One row of the table: an API that is served.
pub(crate) struct Row {
    pub(crate) key: ApiKey,
    /// The versions served; the versions advertised are Kafka's.
    pub(crate) served: RangeInclusive<i16>,
    /// Whether the next request may start while one of these waits.
    parks: bool,
    start: fn(Call) -> BoxFuture<'static, Outcome>,
}

/// What a handler knows besides its request.
pub(crate) struct Context {
    pub(crate) broker: Arc<Broker>,
    pub(crate) local: Arc<Local>,
    pub(crate) version: i16,
    pub(crate) client_id: Option<Str>,
    /// What fault rules want for this request.
    pub(crate) verdict: Verdict,
}

/// A request that the broker serves.
pub(crate) trait Handler: Request + Send + 'static {
    /// The versions served.
    const SERVED: RangeInclusive<i16> = Self::VERSIONS;
    /// See [`Row::parks`].
    const PARKS: bool = false;

    /// Whether the request names this topic, and in it this partition; `None` stands for any.
    fn names(&self, broker: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let _ = (broker, topic, partition);
        false
    }

    /// Inverts a byte of the records in a reply; false if it has none.
    fn damage(response: &mut Self::Response) -> bool {
        let _ = response;
        false
    }

    /// Does what is asked. `None`: no reply leaves. Cancel safe: what was decided happens all the
    /// same.
    fn handle(
        self,
        context: &Context,
    ) -> impl Future<Output = Result<Option<Self::Response>, Close>> + Send;
}

/// A request whose header was read and whose API is served.
pub(crate) struct Call {
    broker: Arc<Broker>,
    local: Arc<Local>,
    header: RequestHeader,
    body: Reader,
    size: usize,
    row: &'static Row,
}

impl Call {
    /// Finds who serves the request.
    ///
    /// # Errors
    ///
    /// Nobody does: Kafka closes the connection.
    pub(crate) fn new(
        broker: Arc<Broker>,
        local: Arc<Local>,
        header: RequestHeader,
        body: Reader,
    ) -> Result<Self, Close> {
        let key = header.api_key;
        let row = TABLE.iter().find(|row| row.key.0 == key).ok_or(Close::UnknownApi(key))?;
        // an ApiVersions of any version is answered (KIP-511)
        if !row.served.contains(&header.api_version) && row.key != ApiKey::API_VERSIONS {
            return Err(Close::UnsupportedVersion(row.key.name(), header.api_version));
        }
        let size = body.remaining();
        Ok(Self { broker, local, header, body, size, row })
    }

    /// Whether the next Produce or Fetch may start while this one waits.
    pub(crate) const fn parks(&self) -> bool {
        self.row.parks
    }

    /// How many bytes its body has.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// The work to do.
    pub(crate) fn start(self) -> BoxFuture<'static, Outcome> {
        if self.row.served.contains(&self.header.api_version) {
            (self.row.start)(self)
        } else {
            // its body has a schema that nobody here knows
            let reply = api_versions::unsupported(self.header.correlation_id);
            futures::future::ready(outcome(reply)).boxed()
        }
    }
}

/// What everybody may do with a topic: read, write, create, delete, alter, describe, and both with
/// configurations; a bit for each of Kafka's `AclOperation`.
const TOPIC_OPERATIONS: AuthorizedOperations =
    AuthorizedOperations(1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11);

/// What everybody may do with the cluster: create, alter, describe, act as a broker, both with
/// configurations, and write idempotently.
const CLUSTER_OPERATIONS: AuthorizedOperations =
    AuthorizedOperations(1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12);

/// What was asked for more than once is told once, as Kafka does: the first of those with one key.
fn once<T, K: Ord>(items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut told = BTreeSet::new();
    items.into_iter().filter(|item| told.insert(key(item))).collect()
}

const fn row<H: Handler>() -> Row
where
    H::Response: Send,
{
    Row { key: H::KEY, served: H::SERVED, parks: H::PARKS, start: |call| run::<H>(call).boxed() }
}

/// From bytes to bytes: the fault hooks stand before and after the handler.
async fn run<H: Handler>(call: Call) -> Outcome
where
    H::Response: Send,
{
    outcome(answer::<H>(call).await)
}

fn outcome(answer: Result<Option<Vec<Bytes>>, Close>) -> Outcome {
    match answer {
        Ok(Some(chunks)) => Outcome::Reply(chunks),
        Ok(None) => Outcome::Nothing,
        Err(why) => Outcome::Close(why),
    }
}

async fn answer<H: Handler>(mut call: Call) -> Result<Option<Vec<Bytes>>, Close>
where
    H::Response: Send,
{
    let version = call.header.api_version;
    let request = H::decode(&mut call.body, version).map_err(Close::Malformed)?;
    // Bytes behind the request are skipped, as Kafka does: librdkafka up to 2.16 writes three too
    // many when it asks for all topics (its issue 5049).
    if call.body.remaining() > 0 {
        debug!(api = call.row.key.name(), bytes = call.body.remaining(), "bytes behind a request");
    }
    drop(call.body);
    let (broker, client_id) = (call.broker, call.header.client_id);
    let verdict = {
        let names = |topic: Option<&str>, partition| request.names(&broker, topic, partition);
        broker.faults.judge(H::KEY, client_id.as_deref(), &names)
    };
    if !verdict.delay.is_zero() {
        // else the Produce behind it would be appended first
        call.local.hold.set(true);
        tokio::select! {
            biased;
            () = broker.clock.sleep(verdict.delay) => {}
            () = broker.stopping.begun() => {}
        }
        call.local.hold.set(false);
    }
    if verdict.disconnect_before {
        return Err(Close::Fault);
    }
    let context = Context { broker, local: call.local, version, client_id, verdict };
    let response = request.handle(&context).await?;
    if context.verdict.disconnect_after {
        return Err(Close::Fault);
    }
    if context.verdict.silence {
        context.broker.stopping.begun().await;
        return Err(Close::Fault);
    }
    let Some(mut response) = response else { return Ok(None) };
    let damaged = context.verdict.corrupt && H::damage(&mut response);
    let frame = encode::<H>(&response, version, call.header.correlation_id)?;
    let whole = damaged || !context.verdict.corrupt;
    Ok(Some(if whole { frame.into_chunks() } else { corrupt(frame) }))
}

fn encode<H: Handler>(
    response: &H::Response,
    version: i16,
    correlation_id: CorrelationId,
) -> Result<EncodedFrame, Close> {
    encode_response(response, version, H::KEY, correlation_id).map_err(Close::Reply)
}

/// Inverts one byte in the middle of the body. Length and correlation id stay.
fn corrupt(frame: EncodedFrame) -> Vec<Bytes> {
    const HEAD_BYTES: usize = 8;
    let mut chunks = frame.into_chunks();
    let largest = (0..chunks.len()).max_by_key(|i| chunks.get(*i).map_or(0, Bytes::len));
    if let Some(chunk) = largest.and_then(|i| chunks.get_mut(i).map(|chunk| (i, chunk))) {
        let (index, chunk) = chunk;
        let mut bytes = BytesMut::from(chunk.as_ref());
        let skip = if index == 0 { HEAD_BYTES.min(bytes.len()) } else { 0 };
        let middle = skip + (bytes.len() - skip) / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte = !*byte;
        }
        *chunk = bytes.freeze();
    }
    chunks
}
