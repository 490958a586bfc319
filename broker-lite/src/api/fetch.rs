//! Fetch: reads batches; waits for more if there is too little.

use core::time::Duration;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_protocol::messages::fetch::{FetchRequest, FetchResponse, FetchTopic};
use ottla_runtime::Instant;

use super::{Context, Handler};
use crate::broker::Broker;
use crate::net::Close;
use crate::replica::partition::Partition;
use crate::replica::waiters::FetchWaiter;

mod leaders;
mod read;
pub(crate) mod sessions;

use read::{Found, Plan, Read};
use sessions::Ticket;

/// From here on topics have ids instead of names.
const BY_ID: i16 = 13;
/// From here on the reply says who leads instead.
const NAMES_LEADERS: i16 = 16;

impl Handler for FetchRequest {
    const PARKS: bool = true;

    fn names(&self, broker: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let image = broker.controller.image();
        let is_topic = |name: &str, id| match topic {
            None => true,
            Some(topic) if !name.is_empty() => name == topic,
            Some(topic) => image.topic_by_id(id).is_some_and(|t| t.name == topic),
        };
        let is_index = |index| partition.is_none_or(|wanted| wanted == index);
        let has = |data: &FetchTopic| {
            partition.is_none() || data.partitions.iter().any(|p| is_index(p.partition.0))
        };
        let mut asked = self.topics.iter();
        asked.any(|data| is_topic(&data.topic, data.topic_id) && has(data))
            || self.session_id.filter(|_| self.session_epoch > 0).is_some_and(|session| {
                let is = |name: &str, id, index| is_topic(name, id) && is_index(index);
                broker.sessions().any(session, is)
            })
    }

    /// The last byte of the last batch: its checksum covers that one, but not all before it.
    fn damage(response: &mut FetchResponse) -> bool {
        let mut partitions = response.responses.iter_mut().flat_map(|topic| &mut topic.partitions);
        let records = partitions.rfind(|p| p.records.as_ref().is_some_and(|r| !r.is_empty()));
        let Some(records) = records.and_then(|partition| partition.records.as_mut()) else {
            return false;
        };
        let mut bytes = BytesMut::from(records.as_ref());
        if let Some(last) = bytes.last_mut() {
            *last = !*last;
        }
        *records = bytes.freeze();
        true
    }

    async fn handle(mut self, context: &Context) -> Result<Option<FetchResponse>, Close> {
        let (broker, by_id) = (&context.broker, context.version >= BY_ID);
        let begun = broker.sessions().begin(&mut self, by_id, broker.clock.now());
        let ticket = match begun {
            Ok(ticket) => ticket,
            Err(error_code) => {
                return Ok(Some(FetchResponse { error_code, ..Default::default() }));
            }
        };
        // what a new session starts from
        let asked = match ticket {
            Ticket::New { .. } => self.topics.clone(),
            Ticket::Sessionless | Ticket::Incremental { .. } => Vec::new(),
        };
        let plan = Plan::new(context, self);
        let now = broker.clock.now();
        let wait = Duration::from_millis(u64::try_from(plan.max_wait_ms).unwrap_or(0));
        let (read, bytes) = read_enough(context, &plan, now + wait).await;
        let mut response = plan.respond(read, &bytes);
        if context.version >= NAMES_LEADERS {
            leaders::name_leaders(&broker.controller.image(), &mut response);
        }
        broker.sessions().finish(ticket, &asked, &mut response, broker.clock.now());
        Ok(Some(response))
    }
}

/// Waits until there is enough, the time is over or the broker stops, and reads then: a Fetch that
/// waits holds no bytes.
async fn read_enough(context: &Context, plan: &Plan, deadline: Instant) -> (Vec<Read>, Bytes) {
    let clock = &context.broker.clock;
    loop {
        let found = plan.find();
        let missing = plan.bytes_min.saturating_sub(found.iter().map(Found::bytes).sum());
        let over = clock.now() >= deadline || context.broker.stopping.has_begun();
        let at_once = missing == 0 || over || plan.partitions.is_empty();
        if at_once || found.iter().any(Found::ends_wait) {
            let mut buffer = context.local.take_buffer();
            buffer.reserve(found.iter().map(Found::bytes).sum());
            let read = plan.read(found, &mut buffer);
            return (read, context.local.finish(buffer));
        }
        let places: Vec<Arc<Partition>> = plan.replicas().cloned().collect();
        let waiter = FetchWaiter::register(missing, places);
        // what came between the look and the registration would wake nobody
        let unchanged = plan.unchanged(&found);
        drop(found); // it keeps files open, which may be deleted meanwhile
        if unchanged {
            tokio::select! {
                biased;
                () = waiter.ready() => {}
                () = clock.sleep_until(deadline) => {}
                () = context.broker.stopping.begun() => {}
            }
        }
    }
}
