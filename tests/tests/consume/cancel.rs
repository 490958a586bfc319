//! A future that is dropped loses nothing, wherever it stands.

use core::future::Future;
use core::task::Poll;

use futures::StreamExt;
use ottla::producer::Compression;
use ottla::{PollError, Records};

use super::{Reader, TOPIC, World};

/// Polls `future` at most `polls` times, then drops it.
async fn poll_times<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut left = polls;
    let mut future = core::pin::pin!(future);
    core::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending, // woken: polled once more
        }
    })
    .await
}

fn take(reader: &mut Reader, records: Result<Records, PollError>) {
    for record in records.unwrap() {
        reader.got(&record);
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_dropped_at_every_point_where_it_waits_loses_nothing() {
    const PARTITIONS: i32 = 3;
    for compression in [Compression::None, Compression::Lz4] {
        for seed in 0..6 {
            let world = World::new(PARTITIONS).await;
            let consumer = world.consumer();
            consumer.assign((0..PARTITIONS).map(|p| (TOPIC, p))).unwrap();
            let mut reader = Reader::new(PARTITIONS);
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut filled = 0;
            while filled < 400 || !reader.has_all(filled) {
                if filled < 400 && rng.u8(..) < 40 {
                    world.fill(PARTITIONS, filled, 20, compression).await;
                    filled += 20;
                }
                let polls = rng.u32(1..3);
                match rng.u8(..4) {
                    0 => {
                        let polled = poll_times(consumer.poll(), polls).await;
                        polled.into_iter().for_each(|records| take(&mut reader, records));
                    }
                    1 => {
                        let mut stream = consumer.stream();
                        while let Some(next) = poll_times(stream.next(), polls).await {
                            reader.got(&next.unwrap().unwrap());
                        }
                    }
                    2 => {
                        let both = futures::future::select(
                            Box::pin(consumer.recv()),
                            Box::pin(consumer.poll()),
                        );
                        match poll_times(both, polls).await {
                            Some(futures::future::Either::Left((one, _dropped))) => {
                                reader.got(&one.unwrap());
                            }
                            Some(futures::future::Either::Right((all, _dropped))) => {
                                take(&mut reader, all);
                            }
                            None => {}
                        }
                    }
                    _ => {
                        for _ in 0..rng.u8(1..30) {
                            if let Some(record) = poll_times(consumer.recv(), polls).await {
                                reader.got(&record.unwrap());
                            }
                        }
                    }
                }
                tokio::task::yield_now().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn receivers_share_the_records_and_each_goes_to_one_of_them() {
    const COUNT: u32 = 2_000;
    let world = World::new(1).await;
    world.fill(1, 0, COUNT, Compression::None).await;
    let consumer = world.consumer();
    consumer.assign([(TOPIC, 0)]).unwrap();
    let mut streams: Vec<_> = (0..4).map(|_| consumer.stream()).collect();
    let mut seen = Vec::new();
    while seen.len() < COUNT as usize {
        for stream in &mut streams {
            if let Some(record) = poll_times(stream.next(), 2).await {
                seen.push(record.unwrap().unwrap().offset.get());
            }
        }
        let polled = poll_times(consumer.poll(), 1).await;
        seen.extend(polled.iter().flatten().flat_map(|r| r.iter().map(|v| v.offset().get())));
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..i64::from(COUNT)).collect::<Vec<_>>());
}
