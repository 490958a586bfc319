//! The connections of a client: one per broker and purpose, made on first use.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::metadata::Metadata;
use super::refresh::Target;
use crate::net::connection::{Connection, Env};

/// What a connection is for. A long poll must not delay a produce, so they do not share one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Purpose {
    /// Metadata, admin, everything short.
    General,
    /// The batches of all producers of the client.
    Produce,
    /// The fetches of one consumer; see [`Cluster::next_id`](super::Cluster::next_id).
    Fetch(u64),
}

pub(super) struct Pool {
    env: Arc<Env>,
    connections: Mutex<Connections>,
}

struct Connections {
    open: BTreeMap<(Target, Purpose), Connection>,
    rng: fastrand::Rng,
    closed: bool,
}

impl Pool {
    pub(super) fn new(env: Arc<Env>, seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        let connections = Connections { open: BTreeMap::new(), rng, closed: false };
        Self { env, connections: Mutex::new(connections) }
    }

    /// The connection to `target`, at the address that `metadata` gives.
    pub(super) fn get(&self, target: Target, purpose: Purpose, metadata: &Metadata) -> Connection {
        let mut connections = self.connections();
        if let Some(open) = connections.open.get(&(target, purpose)) {
            return open.clone();
        }
        let seed = connections.rng.u64(..);
        let env = Arc::clone(&self.env);
        let connection = match target {
            Target::Node(id) => {
                let address = metadata.nodes.get(&id).map(|node| node.address.clone());
                Connection::new(env, Some(id), address, seed)
            }
            Target::Bootstrap(index) => {
                let address = env.config.bootstrap.get(index).cloned();
                Connection::new(env, None, address, seed)
            }
        };
        if connections.closed {
            connection.close();
        } else {
            connections.open.insert((target, purpose), connection.clone());
        }
        connection
    }

    /// Brokers may have moved; connections of the bootstrap list have done their duty.
    pub(super) fn on_metadata(&self, metadata: &Metadata) {
        for ((target, _), connection) in &self.connections().open {
            match target {
                Target::Node(id) => {
                    let address = metadata.nodes.get(id).map(|node| node.address.clone());
                    if address.is_some() {
                        connection.set_address(address);
                    }
                }
                Target::Bootstrap(_) => connection.release(),
            }
        }
    }

    /// Lets the connections of the bootstrap list close: the next ones go where its names lead then.
    pub(super) fn release_bootstrap(&self) {
        for ((target, _), connection) in &self.connections().open {
            if matches!(target, Target::Bootstrap(_)) {
                connection.release();
            }
        }
    }

    /// Lets all connections for `purpose` close once they have answered what was asked.
    pub(super) fn release(&self, purpose: Purpose) {
        self.connections().open.retain(|(_, of), connection| {
            if *of == purpose {
                connection.release();
            }
            *of != purpose
        });
    }

    /// Nothing is answered any more.
    pub(super) fn close(&self) {
        let open = {
            let mut connections = self.connections();
            connections.closed = true;
            core::mem::take(&mut connections.open)
        };
        open.values().for_each(Connection::close);
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        // nothing panics while holding it
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
