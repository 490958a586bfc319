//! Takes connections and gives each its task.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_runtime::net::Listener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::session;
use crate::broker::Broker;
use crate::config::CONNECTIONS_MAX;

/// How long nothing is accepted after a failure, such as a lack of descriptors: it would only fail
/// again.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the node stops; then waits until every connection has ended, and tells `drained`.
pub(crate) async fn run(
    broker: Arc<Broker>,
    listener: Box<dyn Listener>,
    drained: oneshot::Sender<()>,
) {
    let places = Places::default();
    tokio::select! {
        biased;
        () = broker.stopping.begun() => {}
        () = accept(&broker, &*listener, &places) => {}
    }
    drop(listener);
    // nothing closes the semaphore
    let _all = places.free.acquire_many(CONNECTIONS_MAX.unsigned_abs()).await;
    let _ = drained.send(()); // whoever stops the node may have waited long enough
}

/// Accepts until it is dropped.
async fn accept(broker: &Arc<Broker>, listener: &dyn Listener, places: &Places) {
    loop {
        let halves = match listener.accept().await {
            Ok(halves) => halves,
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                broker.clock.sleep(FAILURE_PAUSE).await;
                continue;
            }
        };
        // Kafka leaves those above max.connections in the backlog, where they wait for a time-out
        let place = match places.take(broker, &halves.peer) {
            Ok(place) => place,
            Err(full) => {
                tracing::warn!(peer = %halves.peer, "connection refused: {full} are open");
                continue;
            }
        };
        let session = session::serve(Arc::clone(broker), halves);
        broker.scope.spawn(async move {
            session.await;
            drop(place);
        });
    }
}

/// Who has a connection.
#[derive(Debug)]
struct Places {
    /// What the connections leave of [`CONNECTIONS_MAX`].
    free: Arc<Semaphore>,
    by_host: Arc<ByHost>,
}

/// How many connections each host has; those without any are absent.
#[derive(Debug, Default)]
struct ByHost(Mutex<BTreeMap<String, usize>>);

/// Of one connection; dropping it frees the place.
#[derive(Debug)]
struct Place {
    host: String,
    by_host: Arc<ByHost>,
    _permit: OwnedSemaphorePermit,
}

impl Default for Places {
    fn default() -> Self {
        let most = usize::try_from(CONNECTIONS_MAX).unwrap_or(usize::MAX);
        Self { free: Arc::new(Semaphore::new(most)), by_host: Arc::default() }
    }
}

impl Places {
    /// A place for `peer`, or the setting that denies it. What is open already stays open when a
    /// setting is altered.
    fn take(&self, broker: &Broker, peer: &str) -> Result<Place, &'static str> {
        let config = broker.config.altered(&broker.controller.image());
        let most = usize::try_from(CONNECTIONS_MAX).unwrap_or(usize::MAX);
        if most - self.free.available_permits() >= config.connections_max() {
            return Err("max.connections");
        }
        let permit = Arc::clone(&self.free).try_acquire_owned().map_err(|_| "max.connections")?;
        let host = peer.rsplit_once(':').map_or(peer, |(host, _port)| host).to_owned();
        let mut by_host = self.by_host.counts();
        let count = by_host.get(&host).copied().unwrap_or(0);
        if count >= config.connections_per_ip_max() {
            return Err("max.connections.per.ip");
        }
        by_host.insert(host.clone(), count + 1);
        Ok(Place { host, by_host: Arc::clone(&self.by_host), _permit: permit })
    }
}

impl ByHost {
    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        // nothing panics while holding it
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.by_host.counts();
        if let Some(count) = counts.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.host);
            }
        }
    }
}
