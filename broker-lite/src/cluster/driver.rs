//! A cluster on a thread of its own, for tests whose client blocks the thread it is called on.

use std::io;

use tokio::sync::oneshot;

use super::{ClusterBuilder, Facts};
use crate::error::{StartError, StopError};

/// How a cluster ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Stop,
    Kill,
}

/// The thread a cluster runs on. When it is dropped, the cluster is killed.
#[derive(Debug)]
pub(super) struct ClusterThread {
    end: oneshot::Sender<End>,
    ended: oneshot::Receiver<io::Result<()>>,
}

impl ClusterThread {
    /// Starts `builder` on a new thread with a runtime of its own.
    pub(super) async fn start(builder: ClusterBuilder) -> Result<(Self, Facts), StartError> {
        let (started, result) = oneshot::channel();
        let (end, ending) = oneshot::channel();
        let (done, ended) = oneshot::channel();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return }; // `started` is dropped
            let closed = runtime.block_on(run(builder, started, ending));
            drop(runtime); // here, where nothing is async, and before anybody starts again
            drop(done.send(closed)); // nobody may wait for it
        };
        let thread = std::thread::Builder::new().name("broker-lite".to_owned()).spawn(work);
        thread.map_err(|_| StartError::Thread)?;
        let facts = result.await.map_err(|_| StartError::Thread)??;
        Ok((Self { end, ended }, facts))
    }

    pub(super) async fn stop(self) -> Result<(), StopError> {
        self.end(End::Stop).await?.map_err(|error| StopError::Flush(error.to_string()))
    }

    pub(super) async fn kill(self) {
        // nothing is written, so nothing can go wrong; a thread that is gone has killed it
        drop(self.end(End::Kill).await);
    }

    async fn end(self, how: End) -> Result<io::Result<()>, StopError> {
        self.end.send(how).map_err(|_| StopError::Thread)?;
        self.ended.await.map_err(|_| StopError::Thread)
    }
}

async fn run(
    builder: ClusterBuilder,
    started: oneshot::Sender<Result<Facts, StartError>>,
    ending: oneshot::Receiver<End>,
) -> io::Result<()> {
    let (node, facts) = match builder.start_here().await {
        Ok(running) => running,
        Err(error) => {
            drop(started.send(Err(error))); // nobody waits for it any more
            return Ok(());
        }
    };
    drop(started.send(Ok(facts)));
    match ending.await {
        Ok(End::Stop) => node.stop().await,
        Ok(End::Kill) | Err(_) => {
            node.kill().await;
            Ok(())
        }
    }
}
