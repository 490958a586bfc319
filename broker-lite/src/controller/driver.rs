//! The task that changes the cluster's metadata: one request after the other is decided, written,
//! synced, applied, carried out on this node, and only then answered.

use std::io;
use std::sync::Arc;

use ottla_protocol::error_code::ErrorCode;
use ottla_runtime::{Clock, Scope, watch};
use tokio::sync::{mpsc, oneshot};

use super::image::Image;
use super::ledger::{self, Refusal, Reply, Request, TopicRef};
use super::log::{LogError, MetadataLog};
use crate::replica::manager::{Offline, Replicas};

/// How many requests wait for the controller before those who ask wait for it to take theirs.
const QUEUE_MAX: usize = 256;

type Command = (Request, oneshot::Sender<Reply>);

/// Asks the controller and sees what it last decided. Clones ask the same one.
#[derive(Clone, Debug)]
pub(crate) struct ControllerHandle {
    commands: mpsc::Sender<Command>,
    published: watch::Receiver<Published>,
}

#[derive(Clone, Debug, Default)]
struct Published {
    image: Arc<Image>,
    last_offset: i64,
}

impl ControllerHandle {
    /// The metadata as of the last change that counts.
    pub(crate) fn image(&self) -> Arc<Image> {
        Arc::clone(&self.published.borrow().image)
    }

    /// The offset of that change in the metadata log.
    pub(crate) fn last_offset(&self) -> i64 {
        self.published.borrow().last_offset
    }

    /// Asks for a change and waits until it is carried out. Cancel safe: a request that was taken
    /// is carried out in any case.
    pub(crate) async fn submit(&self, request: Request) -> Reply {
        let (answer, reply) = oneshot::channel();
        if self.commands.send((request, answer)).await.is_ok()
            && let Ok(reply) = reply.await
        {
            return reply;
        }
        let message = "the controller has stopped".to_owned();
        Reply::Refused(Refusal { code: ErrorCode::NOT_CONTROLLER, message })
    }
}

/// The controller's state. Owned by its task once the node is up.
#[derive(Debug)]
pub(crate) struct Controller {
    image: Image,
    log: MetadataLog,
    clock: Clock,
    scope: Scope,
    replicas: Arc<Replicas>,
    commands: mpsc::Receiver<Command>,
    published: watch::Sender<Published>,
    /// The log could not be written: what it holds is unknown until the next start.
    failed: bool,
}

impl Controller {
    pub(crate) fn new(
        image: Image,
        log: MetadataLog,
        (clock, scope): (Clock, Scope),
        replicas: Arc<Replicas>,
    ) -> (Self, ControllerHandle) {
        let (sender, commands) = mpsc::channel(QUEUE_MAX);
        let (published, receiver) = watch::channel(Published::default());
        let handle = ControllerHandle { commands: sender, published: receiver };
        (Self { image, log, clock, scope, replicas, commands, published, failed: false }, handle)
    }

    pub(crate) const fn image(&self) -> &Image {
        &self.image
    }

    /// Does requests until nobody can ask any more or `stop` comes, which is told when it is so.
    pub(crate) async fn run(mut self, stop: oneshot::Receiver<oneshot::Sender<()>>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                biased;
                done = &mut stop => {
                    if let Ok(done) = done {
                        done.send(()).ok(); // nobody may wait for it any more
                    }
                    return;
                }
                command = self.commands.recv() => {
                    let Some((request, answer)) = command else { return };
                    let reply = self.carry_out(&request).await;
                    drop(answer.send(reply)); // the connection may be gone
                }
            }
        }
    }

    async fn carry_out(&mut self, request: &Request) -> Reply {
        let done = match self.decide_synced(request).await {
            Ok((reply, offline)) if !offline.is_empty() => {
                self.take_back(request, reply, &offline).await
            }
            done => done.map(|(reply, _)| reply),
        };
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "metadata log failed: the controller stops");
            self.failed = true;
            let message = format!("metadata log: {error}");
            Reply::Refused(Refusal { code: self.failure(), message })
        })
    }

    /// Deletes the topics again of which a partition could not be opened. Of partitions that were
    /// added to a topic it is only told.
    async fn take_back(
        &mut self,
        request: &Request,
        mut reply: Reply,
        offline: &[Offline],
    ) -> Result<Reply, LogError> {
        let failed = |topic: &str, then: &str| {
            let offline = offline.iter().find(|offline| offline.topic == topic)?;
            let message = format!("{offline}; {then}");
            Some(Refusal { code: ErrorCode::KAFKA_STORAGE_ERROR, message })
        };
        match (&mut reply, request) {
            (Reply::Created(results), _) => {
                let mut gone = Vec::new();
                for result in results {
                    let Ok(made) = result else { continue };
                    if let Some(refusal) = failed(&made.name, "the topic was deleted again") {
                        gone.push(TopicRef::Id(made.id));
                        *result = Err(refusal);
                    }
                }
                self.decide_synced(&Request::DeleteTopics(gone)).await?;
            }
            (Reply::Extended(results), Request::CreatePartitions { topics, .. }) => {
                for (result, asked) in results.iter_mut().zip(topics) {
                    let then = "it is there, and offline until the broker starts again";
                    *result = failed(&asked.topic, then).map_or_else(|| result.clone(), Err);
                }
            }
            _ => {}
        }
        Ok(reply)
    }

    /// Also says what could not be opened of what was made.
    async fn decide_synced(
        &mut self,
        request: &Request,
    ) -> Result<(Reply, Vec<Offline>), LogError> {
        let mut offline = Vec::new();
        let reply = self.decide(request)?;
        if self.is_ahead() {
            let (done, mut synced) = oneshot::channel();
            // nobody waits for it once the node is killed
            self.log.start_sync(Box::new(move |result| drop(done.send(result))))?;
            let ended = match synced.try_recv() {
                Ok(ended) => Some(ended),
                Err(_) => self.scope.outside(move || synced.blocking_recv().ok()).await.flatten(),
            };
            let lost = || Err(io::Error::other("the sync was given up"));
            ended.unwrap_or_else(lost).map_err(LogError::Sync)?;
            offline = self.show();
        }
        Ok((reply, offline))
    }

    /// Decides, writes and applies, but nobody sees it before [`Controller::commit`].
    pub(crate) fn decide(&mut self, request: &Request) -> Result<Reply, LogError> {
        if self.failed || self.log.has_failed() {
            let why = self.log.failure().unwrap_or_else(|| "see the broker's log".to_owned());
            let message = format!("the controller has stopped: {why}");
            return Ok(Reply::Refused(Refusal { code: self.failure(), message }));
        }
        let next = self.log.next_offset().get();
        let (events, reply) = ledger::decide(&self.image, next, request);
        if !events.is_empty() {
            self.log.append(&events, self.clock.wall_ms())?;
            for event in &events {
                self.image.apply(event);
            }
        }
        Ok(reply)
    }

    /// Syncs what was decided, and only then carries it out; for the start of a node, which waits
    /// for it. Says what could not be opened.
    pub(crate) fn commit(&mut self) -> Result<Vec<Offline>, LogError> {
        if self.is_ahead() {
            self.log.sync()?;
        }
        Ok(self.show())
    }

    /// What is answered once nothing more can be written.
    fn failure(&self) -> ErrorCode {
        if self.log.has_failed() {
            ErrorCode::KAFKA_STORAGE_ERROR
        } else {
            ErrorCode::NOT_CONTROLLER
        }
    }

    /// Whether something was decided that nobody has seen.
    fn is_ahead(&self) -> bool {
        self.published.borrow().last_offset != self.last_offset()
    }

    fn last_offset(&self) -> i64 {
        self.log.next_offset().get() - 1
    }

    /// Opens partitions that are new, gives all their settings, shows the metadata, and removes
    /// partitions that are gone. Says what could not be opened.
    fn show(&mut self) -> Vec<Offline> {
        let offline = self.replicas.open(&self.image);
        if !self.image.is_configured_as(&self.published.borrow().image) {
            self.replicas.configure(&self.image);
        }
        let (image, last_offset) = (Arc::new(self.image.clone()), self.last_offset());
        self.published.send_replace(Published { image: Arc::clone(&image), last_offset });
        self.replicas.remove_gone(&image);
        offline
    }
}

#[cfg(test)]
mod tests;
