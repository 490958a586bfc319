//! Takes connections and gives each its task.

use core::time::Duration;
use std::sync::Arc;

use ottla_runtime::net::Listener;
use tokio::sync::{Semaphore, oneshot};

use super::session;
use crate::broker::Broker;

/// How long nothing is accepted after a failure, such as a lack of descriptors: it would only fail
/// again.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the node stops; then waits until every connection has ended, and tells `drained`.
pub(crate) async fn run(
    broker: Arc<Broker>,
    listener: Box<dyn Listener>,
    drained: oneshot::Sender<()>,
) {
    let most = broker.config.connections_max;
    let free = Arc::new(Semaphore::new(most));
    tokio::select! {
        biased;
        () = broker.stopping.begun() => {}
        () = accept(&broker, &*listener, &free) => {}
    }
    drop(listener);
    // nothing closes the semaphore
    let _all = free.acquire_many(u32::try_from(most).unwrap_or(u32::MAX)).await;
    let _ = drained.send(()); // whoever stops the node may have waited long enough
}

/// Accepts until it is dropped.
async fn accept(broker: &Arc<Broker>, listener: &dyn Listener, free: &Arc<Semaphore>) {
    loop {
        let halves = match listener.accept().await {
            Ok(halves) => halves,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                broker.clock.sleep(FAILURE_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(free).try_acquire_owned() else {
            tracing::warn!(peer = %halves.peer, "connection refused: max.connections are open");
            continue;
        };
        let session = session::serve(Arc::clone(broker), halves);
        broker.scope.spawn(async move {
            session.await;
            drop(permit);
        });
    }
}
