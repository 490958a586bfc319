//! A user's layers: they may delay, fail, look and hold, and order is kept.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Mutex;

use futures::future::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;

use super::*;
use crate::error::{BoxError, CallError};
use crate::net::layers::{RawRequest, RawResponse, RequestService};

type Act = dyn Fn(usize) -> What + Send + Sync;

/// What a test's layer does with the n-th request.
#[derive(Clone, Copy)]
enum What {
    Pass,
    Delay(Duration),
    Fail,
    FailAfterwards,
    HoldAnswer,
    Hold,
    Steal,
}

/// Decides by the number of the request, and writes down what it saw.
#[derive(Clone)]
struct Script {
    act: Arc<Act>,
    clock: Clock,
    seen: Arc<Mutex<Vec<(ApiKey, usize)>>>,
    stolen: Arc<Mutex<Vec<RawRequest>>>,
}

impl Script {
    fn new(act: impl Fn(usize) -> What + Send + Sync + 'static) -> Self {
        Self {
            act: Arc::new(act),
            clock: Clock::system(),
            seen: Arc::default(),
            stolen: Arc::default(),
        }
    }

    fn stage(&self) -> Stage {
        Stage::with_layers(Layers::default().with(self.clone()))
    }
}

impl Layer<RequestService> for Script {
    type Service = Scripted;

    fn layer(&self, inner: RequestService) -> Scripted {
        Scripted { script: self.clone(), inner }
    }
}

#[derive(Clone)]
struct Scripted {
    script: Script,
    inner: RequestService,
}

impl Service<RawRequest> for Scripted {
    type Response = RawResponse;
    type Error = BoxError;
    type Future = Pin<Box<BoxFuture<'static, Result<RawResponse, BoxError>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: RawRequest) -> Self::Future {
        let number = {
            let mut seen = self.script.seen.lock().unwrap();
            let bytes = request.chunks().iter().map(Bytes::len).sum();
            seen.push((request.api_key(), bytes));
            seen.len() - 1
        };
        assert_eq!((request.node(), request.api_version()), (Some(NodeId(1)), METADATA_VERSION));
        let (what, clock) = ((self.script.act)(number), self.script.clock.clone());
        let (mut inner, stolen) = (self.inner.clone(), Arc::clone(&self.script.stolen));
        Box::pin(Box::pin(async move {
            match what {
                What::Pass => inner.call(request).await,
                What::Delay(wait) => {
                    clock.sleep(wait).await;
                    inner.call(request).await
                }
                What::Fail => Err("not today".into()),
                What::FailAfterwards => {
                    inner.call(request).await?;
                    Err("seen too much".into())
                }
                What::HoldAnswer => {
                    inner.call(request).await?;
                    core::future::pending().await
                }
                What::Hold => core::future::pending().await,
                What::Steal => {
                    stolen.lock().unwrap().push(request);
                    Err("mine".into())
                }
            }
        }))
    }
}

async fn answer_all(peer: &mut Peer, names: &[&str]) {
    for expected in names {
        let (header, name) = peer.asked().await;
        assert_eq!(name, *expected);
        peer.answer(&header, &name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_delayed_request_holds_back_those_behind_it() {
    let script = Script::new(|n| match n {
        0 => What::Delay(Duration::from_secs(3)),
        1 => What::Delay(Duration::from_secs(1)),
        _ => What::Pass,
    });
    let stage = script.stage();
    let calls = ["a", "b", "c"].map(|name| stage.ask(name));
    let mut peer = stage.accept_kafka().await;
    let (header, name) = peer.asked().await;
    assert_eq!(name, "a");
    assert!(stage.at(3_000), "{:?}", stage.clock.now());
    peer.answer(&header, "a").await;
    answer_all(&mut peer, &["b", "c"]).await;
    assert!(stage.at(3_000), "{:?}", stage.clock.now());
    for (call, name) in calls.into_iter().zip(["a", "b", "c"]) {
        assert_eq!(name_of(call.await.unwrap()), name);
    }
    let seen = script.seen.lock().unwrap();
    assert!(seen.iter().all(|(api, bytes)| *api == ApiKey::METADATA && *bytes > 20), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_request_is_not_sent_and_the_others_go_on() {
    let script = Script::new(|n| if n == 1 { What::Fail } else { What::Pass });
    let stage = script.stage();
    let [a, b, c] = ["a", "b", "c"].map(|name| stage.ask(name));
    let mut peer = stage.accept_kafka().await;
    answer_all(&mut peer, &["a", "c"]).await;
    a.await.unwrap();
    let error = b.await.unwrap_err();
    assert_eq!(error.to_string(), "a request layer failed Metadata (3): not today");
    assert!(!error.possibly_sent() && error.is_retriable());
    c.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_failed_after_it_was_sent_says_so() {
    let script = Script::new(|_| What::FailAfterwards);
    let stage = script.stage();
    let call = stage.ask("a");
    let mut peer = stage.accept_kafka().await;
    answer_all(&mut peer, &["a"]).await;
    let error = call.await.unwrap_err();
    assert!(matches!(error, CallError::Layer { possibly_sent: true, .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_request_held_for_ever_is_given_up_and_lets_the_others_go() {
    let script = Script::new(|n| if n == 0 { What::Hold } else { What::Pass });
    let stage = script.stage();
    let held = stage.ask_within("held", Duration::from_secs(2));
    let next = stage.ask("next");
    let mut peer = stage.accept_kafka().await;
    answer_all(&mut peer, &["next"]).await;
    assert!(stage.at(2_000), "{:?}", stage.clock.now());
    next.await.unwrap();
    let error = held.await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut { possibly_sent: false, .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_keeps_a_request_it_failed_holds_nobody_back() {
    let script = Script::new(|n| if n == 0 { What::Steal } else { What::Pass });
    let stage = script.stage();
    let [a, b] = ["a", "b"].map(|name| stage.ask(name));
    let mut peer = stage.accept_kafka().await;
    answer_all(&mut peer, &["b"]).await;
    assert!(a.await.unwrap_err().to_string().ends_with("mine"));
    b.await.unwrap();
    assert!(stage.at(0), "{:?}", stage.clock.now());
    script.stolen.lock().unwrap().clear(); // too late to matter
    let c = stage.ask("c");
    answer_all(&mut peer, &["c"]).await;
    c.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_ends_what_is_in_the_layers() {
    let script = Script::new(|n| if n == 1 { What::Hold } else { What::Pass });
    let stage = script.stage();
    let [a, b] = ["a", "b"].map(|name| stage.ask(name));
    let mut peer = stage.accept_kafka().await;
    peer.asked().await;
    drop(peer);
    let (a, b) = (a.await.unwrap_err(), b.await.unwrap_err());
    assert!(matches!(a, CallError::Disconnected { possibly_sent: true, .. }), "{a}");
    assert!(matches!(b, CallError::Disconnected { possibly_sent: false, .. }), "{b}");
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_answer_a_layer_holds_may_have_been_sent() {
    let script = Script::new(|n| if n == 0 { What::HoldAnswer } else { What::Pass });
    let stage = script.stage();
    let [a, b] = ["a", "b"].map(|name| stage.ask(name));
    let mut peer = stage.accept_kafka().await;
    answer_all(&mut peer, &["a"]).await;
    peer.asked().await;
    drop(peer);
    for call in [a, b] {
        let error = call.await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { possibly_sent: true, .. }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_timed_out_behind_a_held_one_is_never_sent() {
    let script = Script::new(|n| if n == 0 { What::Hold } else { What::Pass });
    let stage = script.stage();
    let held = stage.ask_within("held", Duration::from_secs(5));
    let behind = stage.ask_within("behind", Duration::from_secs(2));
    let last = stage.ask("last");
    let mut peer = stage.accept_kafka().await;
    let error = behind.await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut { possibly_sent: false, .. }), "{error}");
    assert!(stage.at(2_000), "{:?}", stage.clock.now());
    answer_all(&mut peer, &["last"]).await;
    assert!(stage.at(5_000), "{:?}", stage.clock.now());
    held.await.unwrap_err();
    last.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_later_layer_stands_outside_of_an_earlier_one() {
    let inner = Script::new(|_| What::Pass);
    let outer = Script::new(|n| if n == 0 { What::Fail } else { What::Pass });
    let stage = Stage::with_layers(Layers::default().with(inner.clone()).with(outer.clone()));
    let [a, b] = ["a", "b"].map(|name| stage.ask(name));
    let mut peer = stage.accept_kafka().await;
    answer_all(&mut peer, &["b"]).await;
    a.await.unwrap_err();
    b.await.unwrap();
    assert_eq!(outer.seen.lock().unwrap().len(), 2);
    assert_eq!(inner.seen.lock().unwrap().len(), 1);
}
