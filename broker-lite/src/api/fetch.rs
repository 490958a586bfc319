//! Fetch: reads batches; waits for more if there is too little.

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use ottla_protocol::error_code::ErrorCode;
use ottla_protocol::messages::fetch::{FetchRequest, FetchResponse, FetchTopic};
use ottla_runtime::Instant;

use super::{Context, Handler};
use crate::broker::Broker;
use crate::net::Close;
use crate::replica::partition::Partition;
use crate::replica::waiters::FetchWaiter;

mod read;

use read::{Plan, Read};

/// From here on topics have ids instead of names.
const BY_ID: i16 = 13;

impl Handler for FetchRequest {
    const PARKS: bool = true;

    fn names(&self, broker: &Broker, topic: Option<&str>, partition: Option<i32>) -> bool {
        let image = broker.controller.image();
        let is_topic = |data: &FetchTopic| match topic {
            None => true,
            Some(topic) if !data.topic.is_empty() => data.topic == topic,
            Some(topic) => image.topic_by_id(data.topic_id).is_some_and(|t| t.name == topic),
        };
        let has = |data: &FetchTopic| {
            partition.is_none_or(|index| data.partitions.iter().any(|p| p.partition.0 == index))
        };
        self.topics.iter().any(|data| is_topic(data) && has(data))
    }

    async fn handle(self, context: &Context) -> Result<Option<FetchResponse>, Close> {
        // sessions are never made, so that a client always asks in full; 0 and -1 say that it does
        if self.session_epoch > 0 {
            let code = ErrorCode::FETCH_SESSION_ID_NOT_FOUND;
            return Ok(Some(FetchResponse { error_code: code, ..Default::default() }));
        }
        let plan = Plan::new(context, self);
        let now = context.broker.clock.now();
        let wait = Duration::from_millis(u64::try_from(plan.max_wait_ms).unwrap_or(0));
        let (read, bytes) = read_enough(context, &plan, now + wait).await;
        Ok(Some(plan.respond(read, &bytes)))
    }
}

/// Reads until there is enough, the time is over or the broker stops.
async fn read_enough(context: &Context, plan: &Plan, deadline: Instant) -> (Vec<Read>, Bytes) {
    let clock = &context.broker.clock;
    let mut buffer = context.local.take_buffer();
    loop {
        let read = plan.read(&mut buffer);
        let missing = plan.bytes_min.saturating_sub(buffer.len());
        let over = clock.now() >= deadline || context.broker.stopping.has_begun();
        let at_once = missing == 0 || over || plan.partitions.is_empty();
        if at_once || read.iter().any(Read::ends_wait) {
            return (read, context.local.finish(buffer));
        }
        let places: Vec<Arc<Partition>> = plan.replicas().cloned().collect();
        let waiter = FetchWaiter::register(missing, places);
        // what came between the read and the registration would wake nobody
        if plan.unchanged(&read) {
            tokio::select! {
                biased;
                () = waiter.ready() => {}
                () = clock.sleep_until(deadline) => {}
                () = context.broker.stopping.begun() => {}
            }
        }
        buffer.clear();
    }
}
