//! Takes connections and gives each its task.

use core::time::Duration;
use std::sync::Arc;

use ottla_runtime::net::Listener;
use tokio::sync::Semaphore;

use super::session;
use crate::broker::Broker;

/// How long nothing is accepted after a failure, such as a lack of descriptors: it would only fail
/// again.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the task is dropped.
pub(crate) async fn accept(broker: Arc<Broker>, listener: Box<dyn Listener>) {
    let most = broker.config.connections_max;
    let free = Arc::new(Semaphore::new(most));
    loop {
        let halves = match listener.accept().await {
            Ok(halves) => halves,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                broker.clock.sleep(FAILURE_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&free).try_acquire_owned() else {
            tracing::warn!(peer = %halves.peer, most, "connection refused: there are too many");
            continue;
        };
        let session = session::serve(Arc::clone(&broker), halves);
        broker.scope.spawn(async move {
            session.await;
            drop(permit);
        });
    }
}
